#include <gtest/gtest.h>

#include <fstream>

#include "retmask/base/error.h"
#include "retmask/model/heads.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask {
namespace {

ModelConfig small_config() {
  ModelConfig config;
  config.num_attention_heads = 4;
  config.head_dim = 16;
  config.layers.resize(3);
  return config;
}

TEST(Heads, NameAndBack) {
  EXPECT_EQ(to_string(Head{18, 6}), "18-6");
  EXPECT_EQ(parse_head("18-6", "--heads"), (Head{18, 6}));
  for (const char* bad : {"18", "18-", "-6", "a-b", "1-2-3", "1--2", ""}) {
    EXPECT_THROW(parse_head(bad, "--heads"), UserError) << bad;
  }
}

TEST(Heads, OutOfRangeIsListed) {
  EXPECT_NO_THROW(check_heads({{0, 0}, {2, 3}}, small_config(), "--heads"));
  try {
    check_heads({{0, 0}, {3, 0}, {1, 4}}, small_config(), "--heads");
    FAIL() << "no error";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("no head 3-0, 1-4"), std::string::npos)
        << error.what();
  }
}

TEST(Heads, ColumnsFollowHeadDim) {
  const ColumnRange columns = output_columns(small_config(), 2);
  EXPECT_EQ(columns.begin, 32);
  EXPECT_EQ(columns.end, 48);
}

class MaskFileTest : public ::testing::Test {
 protected:
  HeadMask read(const std::string& text) {
    std::ofstream(folder_ / "mask.json") << text;
    return read_mask_file(folder_ / "mask.json", small_config());
  }
  void expect_error(const std::string& text, std::initializer_list<std::string> parts) {
    SCOPED_TRACE(text);
    expect_user_error([&] { read(text); }, parts);
  }
  testing::TempDir folder_;
};

TEST_F(MaskFileTest, ListsWholeNumbers) {
  EXPECT_EQ(read(R"({"heads": [[2, 3], [0, 0]]})"), (std::vector<Head>{{2, 3}, {0, 0}}));
  for (const char* entry : {"[1.5, 2]",
                            "[1, 2.0]",
                            "[1e0, 2]",
                            "[true, 2]",
                            "[\"1\", 2]",
                            "[-1, 2]",
                            "[null, 2]",
                            "[18446744073709551615, 2]",
                            "[1, 2, 3]",
                            "[1]",
                            "[]",
                            "1",
                            "\"1-2\""}) {
    expect_error("{\"heads\": [[0, 0], " + std::string(entry) + "]}",
                 {"mask.json", Json::parse(entry).dump(), "[layer, head]"});
  }
}

TEST_F(MaskFileTest, IsForThisModel) {
  const std::string heads = R"({"heads": [[0, 1]], "model": )";
  EXPECT_EQ(read(heads + R"({"num_hidden_layers": 3, "num_attention_heads": 4}})").size(), 1u);
  EXPECT_EQ(read(heads + "\"name\"}").size(), 1u);
  expect_error(heads + R"({"num_hidden_layers": 32, "num_attention_heads": 8}})",
               {"the mask is for 32 x 8 heads", "this model has 3 x 4"});
}

TEST_F(MaskFileTest, OtherFilesAreNamed) {
  expect_error(R"({"0-0": [1], "0-1": [0]})", {"holds head scores", "expected {\"heads\""});
  expect_error("{\"needle\": 0, \"right\": true, \"scores\": {}}\n{\"needle\": 1}\n",
               {"JSON lines", "samples"});
  expect_error(R"({"command": "mask", "status": "done", "options": {}})", {"run.json"});
  expect_error("{}", {"mask.json", "[layer, head]"});
  expect_error("[[0, 1]]", {"mask.json", "[layer, head]"});
  expect_error(R"({"heads": "0-1"})", {"wrong type"});
}

}  // namespace
}  // namespace retmask
