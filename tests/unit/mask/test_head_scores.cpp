#include <gtest/gtest.h>

#include <algorithm>

#include "read_head_scores.h"
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
  return config;
}

class HeadScoresTest : public ::testing::Test {
 protected:
  HeadScores read(const std::string& text) {
    testing::write_text(dir_ / "scores.json", text);
    return read_head_scores(dir_ / "scores.json", model_of(/*layers=*/1, /*heads=*/2));
  }
  void expect_error(const std::string& text, std::vector<std::string> parts) {
    parts.push_back("scores.json");
    expect_user_error([&] { read(text); }, parts);
  }

  const TempDir dir_;
};

TEST_F(HeadScoresTest, AveragesOverSamples) {
  const HeadScores scores = read(R"({"0-1": [0.5, 0.25, 0], "0-0": [0, 0, 1.5]})");
  EXPECT_EQ(scores.num_samples(), 3);
  const HeadMeans means = scores.means();
  ASSERT_EQ(means.size(), 2u);
  EXPECT_DOUBLE_EQ(means.at({0, 0}), 0.5);
  EXPECT_DOUBLE_EQ(means.at({0, 1}), 0.25);
}

TEST_F(HeadScoresTest, FileMustFitTheModel) {
  expect_error(R"({"0-1": [1]})", {"scores of 1 heads, the model has 2", "0-0"});
  expect_error(R"({"0-0": [], "0-1": [], "1-0": [], "1-1": [], "2-0": [], "2-1": []})",
               {"3 x 2 heads", "this model has 1 x 2", "another model"});
  expect_error(R"({"0-0": [1], "0-1": [1], "0-2": [1], "7-0": [1]})", {"no head 0-2, 7-0"});
  expect_error(R"({"0-0": [1], "00-0": [1], "0-1": [1]})", {"00-0", "listed twice"});
  expect_error(R"({"first": [1], "0-1": [1]})", {"\"first\" is not a head"});
}

TEST_F(HeadScoresTest, ScoresMustBeNumbers) {
  expect_error(R"({"0-0": [NaN], "0-1": [1]})", {"not valid JSON"});
  expect_error(R"({"0-0": [null], "0-1": [1]})", {"head 0-0 has the score null"});
  expect_error(R"({"0-0": [1, 1], "0-1": [1, "1"]})", {"head 0-1 has the score \"1\""});
  expect_error(R"({"0-0": [1], "0-1": [-0.5]})", {"head 0-1 has the score -0.5"});
  expect_error(R"({"0-0": [1e999], "0-1": [1]})", {"not valid JSON"});
  expect_error(R"({"0-0": 1, "0-1": 1})", {"head 0-0 is not a list"});
}

TEST_F(HeadScoresTest, EveryHeadHasTheSameSamples) {
  expect_error(R"({"0-0": [1, 1], "0-1": [1]})", {"head 0-1 has 1 scores, the first head has 2"});
}

TEST_F(HeadScoresTest, NoRightAnswer) {
  expect_error(R"({"0-0": [], "0-1": []})", {"no answer was right"});
}

TEST_F(HeadScoresTest, NotAScoresFile) {
  expect_error("[]", {"not an object"});
  expect_error("{}", {"not an object with heads"});
  expect_error("{", {"not valid JSON"});
  expect_error("{\n1", {"not valid JSON"});
  expect_error(R"({"heads": [[0, 1]], "select": "retrieval"})",
               {"holds a mask", "head_scores.json"});
  expect_error("{\"needle\": 0, \"right\": true, \"scores\": {}}\n{\"needle\": 1}\n",
               {"JSON lines", "a detection's samples", "head_scores.json"});
  expect_error(R"({"samples": 3, "heads_at_least": {}, "heads": []})", {"summary"});
  expect_error(R"({"model_type": "llama"})", {"config.json"});
  expect_user_error([&] { read_head_scores(dir_ / "none", model_of(1, 2)); },
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
    const HeadScores scores = read_head_scores(folder / model.file, model_of(model.layers, 32));
    EXPECT_EQ(scores.num_samples(), model.num_samples) << model.file;
    const std::vector<HeadMean> ranked = ranked_heads(scores.means());
    const auto count = std::ranges::count_if(
        ranked, [&](const HeadMean& head) { return head.mean >= model.threshold; });
    EXPECT_EQ(count, model.num_retrieval_heads) << model.file;
    EXPECT_EQ(ranked.front().head, model.best) << model.file;
  }
}

}  // namespace
}  // namespace retmask::mask
