#include <gtest/gtest.h>

#include "retmask/base/error.h"
#include "retmask/model/heads.h"

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

}  // namespace
}  // namespace retmask
