#include <gtest/gtest.h>

#include <algorithm>

#include "read_heads.h"
#include "retmask/model/heads.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/files.h"
#include "unit/support/temp_dir.h"

namespace retmask::mask {
namespace {

using testing::TempDir;

ModelConfig model_of(int64_t layers, int64_t heads) {
  ModelConfig config;
  config.layers.resize(static_cast<size_t>(layers));
  config.num_attention_heads = heads;
  config.num_key_value_heads = heads / 2;
  return config;
}

class ReadHeadsTest : public ::testing::Test {
 protected:
  HeadList read(const std::string& text) {
    testing::write_text(dir_ / "scores.json", text);
    return read_heads(dir_ / "scores.json", model_of(/*layers=*/1, /*heads=*/2));
  }
  void expect_error(const std::string& text, std::vector<std::string> parts) {
    parts.push_back("scores.json");
    expect_user_error([&] { read(text); }, parts);
  }

  const TempDir dir_;
};

TEST_F(ReadHeadsTest, AveragesOverSamples) {
  const HeadList list = read(R"({"0-1": [0.5, 0.25, 0], "0-0": [0, 0, 1.5]})");
  EXPECT_EQ(list.num_samples, 3);
  EXPECT_EQ(list.scores, (HeadMeans{{{0, 0}, 0.5}, {{0, 1}, 0.25}}));
}

TEST_F(ReadHeadsTest, ListsNeedNotHoldEveryHead) {
  EXPECT_EQ(read("attn_head_set: 0-1").ranked, (std::vector<Head>{{0, 1}}));
  EXPECT_EQ(read(R"({"scores": {"0-1": [1]}})").ranked, (std::vector<Head>{{0, 1}}));
  expect_error("attn_head_set: 0-1,0-2", {"no head 0-2"});
  expect_error(
      R"({"heads": [[0, 1]], "model": {"num_hidden_layers": 2, "num_attention_heads": 2}})",
      {"the heads are for 2 x 2 heads", "this model has 1 x 2"});
}

TEST_F(ReadHeadsTest, KeyValueHeadsBecomeQueryHeads) {
  const HeadList list = read("0.5\n");
  EXPECT_EQ(list.scores, (HeadMeans{{{0, 0}, 0.5}, {{0, 1}, 0.5}}));
  expect_error("0.5\t0.5\n", {"gates are for 1 x 2 key/value heads", "this model has 1 x 1"});
}

TEST_F(ReadHeadsTest, FileMustFitTheModel) {
  expect_error(R"({"0-1": [1]})", {"scores of 1 heads, the model has 2", "0-0"});
  expect_error(R"({"0-0": [1], "0-1": [1], "1-0": [1], "1-1": [1], "2-0": [1], "2-1": [1]})",
               {"3 x 2 heads", "this model has 1 x 2", "another model"});
  expect_error(R"({"0-0": [1], "0-1": [1], "0-2": [1], "7-0": [1]})", {"no head 0-2, 7-0"});
  expect_error(R"({"0-0": [1], "00-0": [1], "0-1": [1]})", {"00-0", "listed twice"});
  expect_error(R"({"first": [1], "0-1": [1]})", {"\"first\" is not a head"});
}

TEST_F(ReadHeadsTest, ScoresMustBeNumbers) {
  expect_error(R"({"0-0": [NaN], "0-1": [1]})", {"not valid JSON"});
  expect_error(R"({"0-0": [null], "0-1": [1]})", {"head 0-0 has the score null"});
  expect_error(R"({"0-0": [1, 1], "0-1": [1, "1"]})", {"head 0-1 has the score \"1\""});
  expect_error(R"({"0-0": [1e999], "0-1": [1]})", {"not valid JSON"});
  expect_error(R"({"0-0": 1, "0-1": 1})", {"head 0-0 is not a list"});
}

TEST_F(ReadHeadsTest, EveryHeadHasTheSameSamples) {
  expect_error(R"({"0-0": [1, 1], "0-1": [1]})", {"head 0-1 has 1 scores, the first head has 2"});
}

TEST_F(ReadHeadsTest, NoRightAnswer) {
  expect_error(R"({"0-0": [], "0-1": []})", {"no answer was right"});
}

TEST_F(ReadHeadsTest, NotAScoresFile) {
  expect_error("[]", {"lists no heads"});
  expect_error("{}", {"something else"});
  expect_error("{", {"not valid JSON"});
  expect_error("{\n1", {"not valid JSON"});
  expect_error("{\"needle\": 0, \"right\": true, \"scores\": {}}\n{\"needle\": 1}\n",
               {"JSON lines", "a detection's samples", "head_scores.json"});
  expect_error(R"({"model_type": "llama"})", {"config.json"});
  expect_user_error([&] { read_heads(dir_ / "none", model_of(1, 2)); },
                    {"scores file", "none", "does not exist"});
}

struct Official {
  std::string file;
  int64_t layers;
  int64_t num_samples;
  double threshold;  // the paper's
  int64_t num_retrieval_heads;
  Head best;
};

// The published scores; the figures were counted in Python.
TEST(OfficialHeadScores, AreRead) {
  const auto folder = std::filesystem::path(RETMASK_SHARED_DIR) / "reference/head_score";
  if (!std::filesystem::exists(folder))
    GTEST_SKIP() << "SKIPPED: the published scores are not in " << folder;
  const std::vector<Official> models{
      {"Llama-3.1-8B-Instruct.json", 32, 342, 0.1, 33, {15, 30}},
      {"Qwen3-8B.json", 36, 600, 0.05, 98, {22, 23}},
      {"Olmo-3-7B-Think.json", 32, 30, 0.05, 113, {19, 26}},
  };
  for (const Official& model : models) {
    const HeadList list = read_heads(folder / model.file, model_of(model.layers, 32));
    EXPECT_EQ(list.num_samples, model.num_samples) << model.file;
    const auto count = std::ranges::count_if(
        *list.scores, [&](const auto& head) { return head.second >= model.threshold; });
    EXPECT_EQ(count, model.num_retrieval_heads) << model.file;
    EXPECT_EQ(list.ranked.front(), model.best) << model.file;
  }
}

}  // namespace
}  // namespace retmask::mask
