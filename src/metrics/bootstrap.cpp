#include "retmask/metrics/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "retmask/base/error.h"
#include "retmask/base/random.h"

namespace retmask {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Quantile `q` of sorted values, linear between neighbours.
double quantile(std::span<const double> sorted, double q) {
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<size_t>(place);
  const size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - std::floor(place)) * (sorted[above] - sorted[below]);
}

// z with P(|Z| <= z) = confidence for a standard normal Z, by bisection.
double two_sided_normal_quantile(double confidence) {
  double low = 0.0;
  double high = 40.0;
  for (int step = 0; step < 100; ++step) {
    const double middle = 0.5 * (low + high);
    (std::erf(middle / std::sqrt(2.0)) < confidence ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

// The mean of each resample of questions and of seeds.
std::vector<double> seed_means(const SeedScores& scores,
                               const Resamples& questions,
                               RandomStream& random) {
  SeedScores means;  // [seeds][resamples]
  for (const auto& of_seed : scores) means.push_back(questions.means(of_seed));
  std::vector<double> drawn(means.front().size(), 0.0);
  for (size_t r = 0; r < drawn.size(); ++r) {
    for (size_t draw = 0; draw < means.size(); ++draw)
      drawn[r] += means[random.below(means.size())][r];
    drawn[r] /= static_cast<double>(means.size());
  }
  return drawn;
}

Interval difference_interval(std::vector<double> a,
                             const std::vector<double>& b,
                             double confidence) {
  for (size_t r = 0; r < a.size(); ++r) a[r] = b[r] - a[r];
  return percentile_interval(std::move(a), confidence);
}

}  // namespace

Json to_json(const Interval& interval) { return {interval.low, interval.high}; }

Resamples::Resamples(size_t num_values, const BootstrapOptions& options)
    : options_(options), num_values_(num_values) {
  RETMASK_CHECK(options.resamples > 0 && options.confidence > 0 && options.confidence < 1);
  RETMASK_CHECK(num_values <= std::numeric_limits<uint16_t>::max(), num_values, " values");
  const auto resamples = static_cast<size_t>(options.resamples);
  counts_.assign(num_values * resamples, 0);
  RandomStream random(options.seed, "bootstrap");
  for (size_t r = 0; r < resamples; ++r) {
    for (size_t draw = 0; draw < num_values; ++draw)
      ++counts_[random.below(num_values) * resamples + r];
  }
}

std::vector<double> Resamples::means(std::span<const double> values) const {
  RETMASK_CHECK(values.size() == num_values_, values.size(), " values of ", num_values_);
  const auto resamples = static_cast<size_t>(options_.resamples);
  std::vector<double> sums(resamples, 0.0);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] == 0.0) continue;
    const double value = values[i];
    const uint16_t* counts = counts_.data() + i * resamples;
    for (size_t r = 0; r < resamples; ++r) sums[r] += value * counts[r];
  }
  for (double& sum : sums) sum /= static_cast<double>(num_values_);
  return sums;
}

Interval Resamples::mean_interval(std::span<const double> values) const {
  if (values.empty()) return {kNaN, kNaN};
  return percentile_interval(means(values), options_.confidence);
}

Interval percentile_interval(std::vector<double> values, double confidence) {
  if (values.empty()) return {kNaN, kNaN};
  std::sort(values.begin(), values.end());
  const double outside = 0.5 * (1.0 - confidence);
  return {quantile(values, outside), quantile(values, 1.0 - outside)};
}

Interval bootstrap_mean(std::span<const double> values, const BootstrapOptions& options) {
  return Resamples(values.size(), options).mean_interval(values);
}

Interval bootstrap_difference(std::span<const double> a,
                              std::span<const double> b,
                              const BootstrapOptions& options) {
  RETMASK_CHECK(a.size() == b.size(), a.size(), " and ", b.size(), " values");
  std::vector<double> differences(a.size());
  for (size_t i = 0; i < a.size(); ++i) differences[i] = b[i] - a[i];
  return bootstrap_mean(differences, options);
}

Interval bootstrap_seed_difference(const SeedScores& a,
                                   const SeedScores& b,
                                   const BootstrapOptions& options) {
  RETMASK_CHECK(!a.empty() && !b.empty(), a.size(), " and ", b.size(), " seeds");
  if (a.size() == 1 && b.size() == 1) return bootstrap_difference(a[0], b[0], options);
  if (a[0].empty()) return {kNaN, kNaN};
  const Resamples questions(a[0].size(), options);
  RandomStream random(options.seed, "bootstrap-seeds");
  std::vector<double> means_a = seed_means(a, questions, random);
  return difference_interval(
      std::move(means_a), seed_means(b, questions, random), options.confidence);
}

Interval bootstrap_unpaired_difference(std::span<const double> a,
                                       std::span<const double> b,
                                       const BootstrapOptions& options) {
  if (a.empty() || b.empty()) return {kNaN, kNaN};
  BootstrapOptions other = options;
  ++other.seed;  // draws of its own
  return difference_interval(Resamples(a.size(), options).means(a),
                             Resamples(b.size(), other).means(b),
                             options.confidence);
}

Interval wilson_interval(double successes, double total, double confidence) {
  if (total <= 0) return {kNaN, kNaN};
  const double z = two_sided_normal_quantile(confidence);
  const double rate = successes / total;
  const double shrink = 1.0 / (1.0 + z * z / total);
  const double center = shrink * (rate + z * z / (2.0 * total));
  const double half =
      shrink * z * std::sqrt(rate * (1.0 - rate) / total + z * z / (4.0 * total * total));
  // Exactly 0 and 1 at the ends, which rounding would miss.
  return {successes <= 0 ? 0.0 : center - half, successes >= total ? 1.0 : center + half};
}

}  // namespace retmask
