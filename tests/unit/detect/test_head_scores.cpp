#include <gtest/gtest.h>

#include <cmath>

#include "retmask/base/error.h"
#include "retmask/detect/detect.h"

namespace retmask::detect {
namespace {

ModelConfig two_by_two() {
  ModelConfig config;
  config.num_attention_heads = 2;
  config.layers.resize(2);
  return config;
}

Detection detection(bool right, SampleScores scores) {
  return {.verdict = {.recall = right ? 1.0 : 0.0, .right = right},
          .answer = "",
          .scores = std::move(scores)};
}

Result example() {
  Result result;
  result.detections = {detection(true, {{{0, 1}, 0.5}}),
                       detection(false, {{{0, 0}, 1.0}}),  // wrong: ignored
                       detection(true, {{{0, 1}, 0.25}, {{1, 0}, 0.75}})};
  return result;
}

TEST(HeadScores, ListTheRightSamplesInOrder) {
  const Json expected = {
      {"0-0", {0.0, 0.0}}, {"0-1", {0.5, 0.25}}, {"1-0", {0.0, 0.75}}, {"1-1", {0.0, 0.0}}};
  EXPECT_EQ(to_json(head_scores(example(), two_by_two())), expected);
}

TEST(HeadScores, AreEmptyWithoutARightAnswer) {
  Result result;
  result.detections = {detection(false, {{{0, 0}, 1.0}})};
  const HeadScores scores = head_scores(result, two_by_two());
  EXPECT_EQ(to_json(scores)["0-0"], Json::array());
  EXPECT_EQ(ranked_heads(scores.means())[0].mean, 0.0);
}

TEST(RankedHeads, HighestMeanFirstEqualsInOrder) {
  const std::vector<HeadMean> ranked = ranked_heads(head_scores(example(), two_by_two()).means());
  ASSERT_EQ(ranked.size(), 4u);
  EXPECT_EQ(ranked[0].head, (Head{0, 1}));
  EXPECT_DOUBLE_EQ(ranked[0].mean, 0.375);
  EXPECT_EQ(ranked[1].head, (Head{1, 0}));
  EXPECT_EQ(ranked[2].head, (Head{0, 0}));
  EXPECT_EQ(ranked[3].head, (Head{1, 1}));
}

TEST(Summary, CountsAndRanks) {
  const std::vector<niah::Sample> samples = {{.length = 512}, {.length = 1024}, {.length = 512}};
  const Certainty certainty =
      assess_certainty(head_scores(example(), two_by_two()), {.threshold = 0.1});
  const Json summary = summary_json(example(), samples, Options{}, two_by_two(), certainty);
  EXPECT_EQ(summary["samples"], 3);
  EXPECT_EQ(summary["right"], 2);
  EXPECT_EQ(summary["scoring"], "set");
  EXPECT_EQ(summary["heads_at_least"]["0.1"], 2);
  EXPECT_EQ(summary["heads_at_least"]["0.5"], 0);
  EXPECT_EQ(summary["by_length"][0], (Json{{"length", 512}, {"samples", 2}, {"right", 2}}));
  EXPECT_EQ(summary["by_length"][1], (Json{{"length", 1024}, {"samples", 1}, {"right", 0}}));
  EXPECT_EQ(summary["heads"][0]["head"], (Json{0, 1}));
  EXPECT_EQ(summary["scorer"], "copy");
  EXPECT_EQ(summary["counted"], 2);
  // Two samples: a resample has one of them twice, or both.
  EXPECT_EQ(summary["heads"][0]["interval"], (Json{0.25, 0.5}));
  EXPECT_EQ(summary["heads"][1]["interval"], (Json{0.0, 0.75}));
  EXPECT_EQ(summary["heads"][0]["rank_interval"], (Json{1.0, 2.0}));
  EXPECT_EQ(summary["threshold"], (Json{{"value", 0.1}, {"heads", 2}, {"undecided", 1}}));
  EXPECT_EQ(summary["top_share"]["0.01"],
            0.5);  // of four heads, the two that score have equal means
  EXPECT_EQ(summary["gini"], 0.5);
  EXPECT_DOUBLE_EQ(summary["hoyer"].get<double>(), 2 - std::sqrt(2.0));
  EXPECT_TRUE(summary["split_half"].is_number());
}

TEST(Summary, WithoutAnswersNoneIsRight) {
  Result result = example();
  for (Detection& detection : result.detections) detection.answered = false;
  const Certainty certainty = assess_certainty(head_scores(result, two_by_two()), {});
  const std::vector<niah::Sample> samples = {{.length = 512}, {.length = 1024}, {.length = 512}};
  Options options;
  options.scorer = Scorer::ablation;
  const Json summary = summary_json(result, samples, options, two_by_two(), certainty);
  EXPECT_TRUE(summary["right"].is_null());
  EXPECT_EQ(summary["counted"], 3);
  EXPECT_TRUE(summary["by_length"][0]["right"].is_null());
  EXPECT_EQ(summary["by_length"][0]["samples"], 2);
}

TEST(DetectOptions, NamesOfModes) {
  EXPECT_EQ(parse_scoring("steps"), Scoring::steps);
  EXPECT_EQ(parse_scorer("logit"), Scorer::logit);
  EXPECT_THROW(parse_scorer("induction"), UserError);
  EXPECT_EQ(parse_stop_rule("reference"), StopRule::reference);
  EXPECT_THROW(parse_scoring("sum"), UserError);
  EXPECT_THROW(parse_stop_rule(""), UserError);
  EXPECT_THROW((Options{.grid = {}, .batch_size = 0}.validate()), UserError);
}

}  // namespace
}  // namespace retmask::detect
