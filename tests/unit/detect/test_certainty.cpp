// Certainty of scores that were drawn around known means, and the rounds of --until-stable.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "retmask/base/random.h"
#include "retmask/detect/certainty.h"
#include "retmask/detect/stable.h"

namespace retmask::detect {
namespace {

// Head 0-h scores 1 in a share h / heads of the samples, else 0.
HeadScores drawn_scores(int64_t heads, size_t samples, uint64_t seed) {
  HeadScores scores;
  RandomStream random(seed, "scores");
  for (int64_t h = 0; h < heads; ++h) {
    const double share = static_cast<double>(h) / static_cast<double>(heads);
    for (size_t i = 0; i < samples; ++i)
      scores.samples[{0, h}].push_back(random.uniform() < share ? 1.0 : 0.0);
  }
  return scores;
}

TEST(Certainty, IntervalsNarrowWithSamples) {
  const CertaintyOptions options{.threshold = 0.5};
  const Certainty few = assess_certainty(drawn_scores(40, 12, 1), options);
  const Certainty many = assess_certainty(drawn_scores(40, 1200, 1), options);
  EXPECT_TRUE(few.has_too_few_samples());
  EXPECT_FALSE(many.has_too_few_samples());
  EXPECT_GT(few.num_undecided, 4 * many.num_undecided);
  EXPECT_GT(many.split_half, 0.98);
  EXPECT_LT(few.split_half, 0.9);

  const HeadCertainty& middle = many.heads.at({0, 20});
  EXPECT_LT(middle.mean.low, 0.5);
  EXPECT_GT(middle.mean.high, 0.5);
  EXPECT_NEAR(middle.mean.high - middle.mean.low, 2 * 1.96 * 0.5 / std::sqrt(1200), 0.01);
  // Rank 1 is head 39, and head 20 has rank 20; three heads lie within its interval.
  EXPECT_NEAR(middle.rank.low, 20, 3);
  EXPECT_NEAR(middle.rank.high, 20, 3);
  EXPECT_EQ(many.heads.at({0, 0}).mean, (Interval{0.0, 0.0}));
  EXPECT_EQ(many.heads.at({0, 0}).rank, (Interval{40.0, 40.0}));
}

TEST(Certainty, HalvesOfNoiseDoNotAgree) {
  HeadScores noise;
  RandomStream random(4, "noise");
  for (int64_t h = 0; h < 200; ++h) {
    for (int i = 0; i < 20; ++i) noise.samples[{h, 0}].push_back(random.uniform());
  }
  EXPECT_NEAR(split_half_agreement(noise, 0), 0.0, 0.1);
  EXPECT_EQ(split_half_agreement(noise, 0), split_half_agreement(noise, 0));
}

TEST(Certainty, WithoutSamplesNothingIsKnown) {
  HeadScores none;
  none.samples[{0, 0}] = {};
  const Certainty certainty = assess_certainty(none, {});
  EXPECT_TRUE(std::isnan(certainty.heads.at({0, 0}).mean.low));
  EXPECT_TRUE(std::isnan(certainty.split_half));
  EXPECT_EQ(certainty.num_undecided, 0);
}

ModelConfig one_layer(int64_t heads) {
  ModelConfig config;
  config.num_attention_heads = heads;
  config.layers.resize(1);
  return config;
}

// Head 0 scores 1, head 1 scores 0.5, head 2 `third`, the others a little, in the right order.
Detection detection_with(double third) {
  Detection detection;
  detection.verdict = {.recall = 1.0, .right = true};
  detection.scores = {{{0, 0}, 1.0}, {{0, 1}, 0.5}, {{0, 2}, third}};
  for (int64_t h = 3; h < 8; ++h) detection.scores[{0, h}] = 0.01 / static_cast<double>(h);
  return detection;
}

TEST(UntilStable, ThreeRoundsWithTheSameHeads) {
  const ModelConfig config = one_layer(8);
  const CertaintyOptions options{.threshold = 0.1};
  std::vector<Detection> detections(60, detection_with(0.05));
  const auto stable = [&](size_t count) {
    return is_stable(std::span(detections).first(count), config, options);
  };
  EXPECT_FALSE(stable(20));
  EXPECT_TRUE(stable(30));
  EXPECT_TRUE(stable(35));  // the grid's end is a short round

  // Head 2 is selected until the end of the second round: its mean is 0.25 * 10 / samples.
  for (size_t i = 0; i < 10; ++i) detections[i] = detection_with(0.25);
  for (size_t i = 10; i < 60; ++i) detections[i] = detection_with(0.0);
  EXPECT_FALSE(stable(30));
  EXPECT_FALSE(stable(40));
  EXPECT_TRUE(stable(50));
}

TEST(UntilStable, NeverWithoutHeadsOrWithHalvesThatDisagree) {
  const ModelConfig config = one_layer(8);
  std::vector<Detection> detections(40, detection_with(0.05));
  EXPECT_FALSE(is_stable(detections, config, {.threshold = 2.0}));
  // Each sample has one head, another each time.
  RandomStream random(3, "heads");
  for (Detection& detection : detections)
    detection.scores = {{{0, static_cast<int64_t>(random.below(8))}, 1.0}};
  EXPECT_FALSE(is_stable(detections, config, {.threshold = 0.001}));
}

}  // namespace
}  // namespace retmask::detect
