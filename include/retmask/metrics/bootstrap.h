#pragma once
// Confidence intervals by the bootstrap (Efron & Tibshirani 1993, chapter 13: percentile
// intervals), reproducible from a seed.

#include <cstdint>
#include <span>
#include <vector>

#include "retmask/base/json.h"

namespace retmask {

struct Interval {
  double low = 0.0;
  double high = 0.0;

  bool operator==(const Interval&) const = default;
};

// [low, high]; [null, null] for an interval of nothing.
Json to_json(const Interval& interval);

struct BootstrapOptions {
  double confidence = 0.95;
  int64_t resamples = 1000;
  uint64_t seed = 0;
};

// The resamples of `num_values` values, drawn once, so that many series over the same samples (all
// heads of a model, two models) share them: their resampled means are paired.
class Resamples {
 public:
  explicit Resamples(size_t num_values, const BootstrapOptions& options = {});

  // The mean of each resample; `values` has num_values. Time: resamples x values that are not 0.
  std::vector<double> means(std::span<const double> values) const;
  // Interval of the mean; {NaN, NaN} without values.
  Interval mean_interval(std::span<const double> values) const;

  double confidence() const { return options_.confidence; }

 private:
  BootstrapOptions options_;
  size_t num_values_;
  // How often each resample has drawn each value, [num_values, resamples].
  std::vector<uint16_t> counts_;
};

// The interval that cuts off (1 - confidence) / 2 of the values at either end, with linear
// interpolation as numpy.percentile does. {NaN, NaN} without values.
Interval percentile_interval(std::vector<double> values, double confidence);

// Interval of the mean of `values`.
Interval bootstrap_mean(std::span<const double> values, const BootstrapOptions& options = {});

// Interval of mean(b) - mean(a), where a[i] and b[i] are of the same sample (paired bootstrap:
// a resample draws pairs). Throws InternalError unless they are equally many.
Interval bootstrap_difference(std::span<const double> a,
                              std::span<const double> b,
                              const BootstrapOptions& options = {});

// Scores of the same questions under several random seeds, [seeds][questions].
using SeedScores = std::vector<std::vector<double>>;

// Interval of mean(b) - mean(a), the means over seeds and questions, where a and b have the same
// questions and each its own seeds: the pigeonhole bootstrap (Owen 2007, "The pigeonhole
// bootstrap", Annals of Applied Statistics 1(2)). Each resample draws with replacement, and
// independently, the questions, the seeds of a and the seeds of b; the mean of scores x is
//   sum over s, i of d[s] * c[i] * x[s][i] / (seeds * questions),
// where it drew seed s d[s] times and question i c[i] times, the same c for a and b. With one seed
// each it is bootstrap_difference(). Of S seeds, the spread between them is understated by a factor
// of (S - 1) / S in its variance, as in every bootstrap of few values. Throws InternalError unless
// there are seeds and all have equally many questions.
Interval bootstrap_seed_difference(const SeedScores& a,
                                   const SeedScores& b,
                                   const BootstrapOptions& options = {});

// Interval of mean(b) - mean(a) of unrelated values, such as two sets of heads: a resample draws
// from each separately. {NaN, NaN} if one is empty.
Interval bootstrap_unpaired_difference(std::span<const double> a,
                                       std::span<const double> b,
                                       const BootstrapOptions& options = {});

// Wilson's score interval of a rate (Wilson 1927), `successes` of `total`; {NaN, NaN} for a total
// of 0. Unlike the bootstrap's, it is not empty at rates of 0 and 1.
Interval wilson_interval(double successes, double total, double confidence = 0.95);

}  // namespace retmask
