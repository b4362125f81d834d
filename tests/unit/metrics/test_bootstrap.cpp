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
