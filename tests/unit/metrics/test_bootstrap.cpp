// Intervals: how often they hold the truth on drawn data, and golden values of their parts
// (tests/golden/make_certainty_golden.py).

#include <gtest/gtest.h>

#include <cmath>

#include "retmask/base/error.h"
#include "retmask/base/random.h"
#include "retmask/metrics/bootstrap.h"
#include "unit/support/golden_files.h"

namespace retmask {
namespace {

const Json& certainty_golden() {
  static const Json instance = testing::golden_json("certainty.json");
  return instance;
}

void expect_interval(const Json& expected, const Interval& actual, double tolerance = 1e-12) {
  EXPECT_NEAR(actual.low, expected[0].get<double>(), tolerance) << expected;
  EXPECT_NEAR(actual.high, expected[1].get<double>(), tolerance) << expected;
}

bool holds(const Interval& interval, double truth) {
  return interval.low <= truth && truth <= interval.high;
}

// 0 in 60 % of the draws, else uniform in [0, 1): as a head's scores. Mean 0.2.
std::vector<double> draw_scores(size_t count, RandomStream& random) {
  std::vector<double> values(count);
  for (double& value : values) value = random.uniform() < 0.6 ? 0.0 : random.uniform();
  return values;
}

TEST(Bootstrap, IntervalHoldsTheMeanAsOftenAsItSays) {
  RandomStream random(1, "scores");
  int held = 0;
  int held_half = 0;
  constexpr int kTrials = 1000;
  for (int trial = 0; trial < kTrials; ++trial) {
    const std::vector<double> values = draw_scores(60, random);
    const auto seed = static_cast<uint64_t>(trial);
    held += holds(bootstrap_mean(values, {.resamples = 500, .seed = seed}), 0.2);
    held_half +=
        holds(bootstrap_mean(values, {.confidence = 0.5, .resamples = 500, .seed = seed}), 0.2);
  }
  EXPECT_NEAR(held, 940, 25);  // percentile intervals of 60 values are a little narrow
  EXPECT_NEAR(held_half, 500, 50);
}

TEST(Bootstrap, PairedIntervalHoldsTheDifferenceAndIsNarrower) {
  RandomStream random(2, "pairs");
  int held = 0;
  constexpr int kTrials = 500;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::vector<double> before = draw_scores(80, random);
    std::vector<double> after = before;
    for (double& value : after) value += 0.1 * random.uniform();  // by 0.05 on average
    const BootstrapOptions options{.resamples = 500, .seed = static_cast<uint64_t>(trial)};
    const Interval paired = bootstrap_difference(before, after, options);
    held += holds(paired, 0.05);
    const Interval alone = bootstrap_mean(after, options);
    EXPECT_LT(paired.high - paired.low, 0.3 * (alone.high - alone.low));
  }
  EXPECT_NEAR(held, 0.945 * kTrials, 0.035 * kTrials);
}

TEST(Bootstrap, ResamplesAreThoseOfTheSeed) {
  const std::vector<double> values = {0.0, 0.25, 0.5, 1.0, 0.0, 0.75};
  const auto interval = [&](uint64_t seed) { return bootstrap_mean(values, {.seed = seed}); };
  EXPECT_EQ(interval(3), interval(3));
  const Resamples resamples(values.size(), {.seed = 3});
  EXPECT_EQ(resamples.mean_interval(values), interval(3));
  EXPECT_NE(resamples.means(values), Resamples(values.size(), {.seed = 4}).means(values));
  // A resample has as many values as the sample.
  const std::vector<double> ones(values.size(), 1.0);
  for (const double mean : resamples.means(ones)) EXPECT_DOUBLE_EQ(mean, 1.0);
}

TEST(Bootstrap, FewValues) {
  EXPECT_TRUE(std::isnan(bootstrap_mean({}).low));
  EXPECT_EQ(to_json(bootstrap_mean({})).dump(), "[null,null]");
  EXPECT_EQ(bootstrap_mean(std::vector<double>{0.3}), (Interval{0.3, 0.3}));
  EXPECT_THROW(bootstrap_difference(std::vector<double>{1.0}, {}), InternalError);
}

void expect_near(const Interval& actual, const Interval& expected, double tolerance) {
  EXPECT_NEAR(actual.low, expected.low, tolerance);
  EXPECT_NEAR(actual.high, expected.high, tolerance);
}

TEST(SeedBootstrap, OneSeedIsThePairedBootstrap) {
  RandomStream random(7, "scores");
  const std::vector<double> a = draw_scores(40, random);
  const std::vector<double> b = draw_scores(40, random);
  const Interval paired = bootstrap_difference(a, b, {.seed = 3});
  EXPECT_EQ(bootstrap_seed_difference({a}, {b}, {.seed = 3}), paired);
  // Seeds that all score alike add nothing.
  expect_near(bootstrap_seed_difference({a}, {b, b, b}, {.seed = 3}), paired, 1e-12);
  expect_near(bootstrap_seed_difference({a, a}, {b}, {.seed = 3}), paired, 1e-12);
}

TEST(SeedBootstrap, SeedsAloneHaveAClosedForm) {
  // All questions alike: resamples of two seeds have the means 0.2, 0.3 and 0.4 with probabilities
  // of 1/4, 1/2 and 1/4.
  const SeedScores base = {std::vector<double>(5, 0.1)};
  const SeedScores two = {std::vector<double>(5, 0.2), std::vector<double>(5, 0.4)};
  expect_near(bootstrap_seed_difference(base, two, {.confidence = 0.95}), {0.1, 0.3}, 1e-12);
  expect_near(bootstrap_seed_difference(base, two, {.confidence = 0.4}), {0.2, 0.2}, 1e-12);
  expect_near(bootstrap_seed_difference(two, base, {.confidence = 0.95}), {-0.3, -0.1}, 1e-12);
  // Two groups draw their seeds separately: 0.2 - 0.4 occurs although both are the same two seeds.
  expect_near(bootstrap_seed_difference(two, two, {.confidence = 0.95}), {-0.2, 0.2}, 1e-12);
}

TEST(SeedBootstrap, WidthHasTheVarianceOfBothDraws) {
  // Owen 2007, for x[s][i]: the variance of a resample's mean, out of the moments of the counts:
  // E[c_i c_j] = n (n - 1) / n^2 + (i == j), and likewise for the seeds.
  RandomStream random(8, "scores");
  constexpr size_t kQuestions = 30;
  SeedScores scores(4, std::vector<double>(kQuestions));
  for (auto& of_seed : scores) {
    const double shift = random.uniform();
    for (double& value : of_seed) value = shift + random.uniform();
  }
  const auto seeds = static_cast<double>(scores.size());
  const auto questions = static_cast<double>(kQuestions);
  double mean = 0.0;
  double second_moment = 0.0;
  for (size_t s = 0; s < scores.size(); ++s) {
    for (size_t i = 0; i < kQuestions; ++i) {
      mean += scores[s][i] / (seeds * questions);
      for (size_t t = 0; t < scores.size(); ++t) {
        for (size_t j = 0; j < kQuestions; ++j) {
          const double seed_counts = (seeds - 1) / seeds + (s == t ? 1.0 : 0.0);
          const double question_counts = (questions - 1) / questions + (i == j ? 1.0 : 0.0);
          second_moment += seed_counts * question_counts * scores[s][i] * scores[t][j];
        }
      }
    }
  }
  second_moment /= seeds * seeds * questions * questions;
  const double deviation = std::sqrt(second_moment - mean * mean);
  const SeedScores zeros = {std::vector<double>(kQuestions, 0.0)};
  const Interval interval =
      bootstrap_seed_difference(zeros, scores, {.confidence = 0.6827, .resamples = 20000});
  EXPECT_NEAR(0.5 * (interval.high - interval.low), deviation, 0.05 * deviation);
  EXPECT_NEAR(0.5 * (interval.high + interval.low), mean, 0.1 * deviation);
}

TEST(SeedBootstrap, Mistakes) {
  EXPECT_TRUE(std::isnan(bootstrap_seed_difference({{}, {}}, {{}}).low));
  EXPECT_THROW(bootstrap_seed_difference({}, {{1.0}}), InternalError);
  EXPECT_THROW(bootstrap_seed_difference({{1.0}, {1.0, 2.0}}, {{1.0}}), InternalError);
}

TEST(Bootstrap, UnpairedIntervalHoldsTheDifference) {
  RandomStream random(9, "groups");
  int held = 0;
  constexpr int kTrials = 500;
  for (int trial = 0; trial < kTrials; ++trial) {
    const std::vector<double> few = draw_scores(30, random);
    std::vector<double> many = draw_scores(200, random);
    for (double& value : many) value += 0.3;
    held += holds(bootstrap_unpaired_difference(
                      few, many, {.resamples = 500, .seed = static_cast<uint64_t>(trial)}),
                  0.3);
  }
  EXPECT_NEAR(held, 0.935 * kTrials, 0.035 * kTrials);
  EXPECT_TRUE(std::isnan(bootstrap_unpaired_difference({}, std::vector<double>{1.0}).low));
  EXPECT_EQ(bootstrap_unpaired_difference(std::vector<double>{0.5}, std::vector<double>{0.75}),
            (Interval{0.25, 0.25}));
}

TEST(Bootstrap, PercentilesEqualNumpy) {
  for (const Json& row : certainty_golden()["percentiles"]) {
    expect_interval(
        row["interval"],
        percentile_interval(row["values"].get<std::vector<double>>(), row["confidence"]));
  }
}

TEST(Wilson, EqualsTheRootsOfItsEquation) {
  for (const Json& row : certainty_golden()["wilson"]) {
    // numpy's roots of nearly equal coefficients have errors of 1e-9.
    expect_interval(
        row["interval"], wilson_interval(row["successes"], row["total"], row["confidence"]), 1e-7);
  }
  EXPECT_EQ(wilson_interval(0, 30).low, 0.0);
  EXPECT_EQ(wilson_interval(30, 30).high, 1.0);
  EXPECT_TRUE(std::isnan(wilson_interval(0, 0).low));
}

TEST(Wilson, HoldsTheRateAsOftenAsItSays) {
  RandomStream random(5, "rates");
  int held = 0;
  for (int trial = 0; trial < 2000; ++trial) {
    int successes = 0;
    for (int i = 0; i < 30; ++i) successes += random.uniform() < 0.1;
    held += holds(wilson_interval(successes, 30), 0.1);
  }
  EXPECT_NEAR(held, 1900, 60);  // at least as often near 0, where the bootstrap fails
}

}  // namespace
}  // namespace retmask
