#include "retmask/detect/certainty.h"

#include <algorithm>
#include <limits>
#include <numeric>

#include "retmask/base/random.h"
#include "retmask/metrics/rank_correlation.h"

namespace retmask::detect {
namespace {

constexpr int kHalvings = 100;

// resampled[h][r]: mean of head h in resample r -> rank of head h in each resample.
std::vector<std::vector<double>> ranks_by_head(const std::vector<std::vector<double>>& resampled) {
  const size_t num_heads = resampled.size();
  const size_t num_resamples = resampled.front().size();
  std::vector<std::vector<double>> ranks(num_heads, std::vector<double>(num_resamples));
  std::vector<double> means(num_heads);
  for (size_t r = 0; r < num_resamples; ++r) {
    for (size_t h = 0; h < num_heads; ++h) means[h] = resampled[h][r];
    const std::vector<double> of_resample = descending_ranks(means);
    for (size_t h = 0; h < num_heads; ++h) ranks[h][r] = of_resample[h];
  }
  return ranks;
}

// Heads' means over the samples of `half`.
std::vector<double> half_means(const HeadScores& scores, std::span<const size_t> half) {
  std::vector<double> means;
  for (const auto& [head, samples] : scores.samples) {
    double sum = 0.0;
    for (const size_t sample : half) sum += samples[sample];
    means.push_back(sum / static_cast<double>(half.size()));
  }
  return means;
}

}  // namespace

bool Certainty::has_too_few_samples() const { return 2 * num_undecided > num_selected; }

Certainty assess_certainty(const HeadScores& scores, const CertaintyOptions& options) {
  Certainty certainty{.threshold = options.threshold, .num_samples = scores.num_samples()};
  certainty.split_half = split_half_agreement(scores, options.seed);
  certainty.num_selected =
      static_cast<int64_t>(heads_at_least(scores.means(), options.threshold).size());
  if (certainty.num_samples == 0) {
    constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
    for (const auto& [head, samples] : scores.samples)
      certainty.heads[head] = {{kNaN, kNaN}, {kNaN, kNaN}};
    return certainty;
  }
  const Resamples resamples(static_cast<size_t>(certainty.num_samples), {.seed = options.seed});
  std::vector<std::vector<double>> resampled;
  for (const auto& [head, samples] : scores.samples) resampled.push_back(resamples.means(samples));
  std::vector<std::vector<double>> ranks = ranks_by_head(resampled);
  size_t index = 0;
  for (const auto& [head, samples] : scores.samples) {
    const Interval mean = percentile_interval(std::move(resampled[index]), resamples.confidence());
    const Interval rank = percentile_interval(std::move(ranks[index]), resamples.confidence());
    certainty.heads[head] = {mean, rank};
    certainty.num_undecided += mean.low < options.threshold && options.threshold <= mean.high;
    ++index;
  }
  return certainty;
}

double split_half_agreement(const HeadScores& scores, uint64_t seed) {
  const auto count = static_cast<size_t>(scores.num_samples());
  if (count < 2) return std::numeric_limits<double>::quiet_NaN();
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  RandomStream random(seed, "split half");
  double sum = 0.0;
  for (int halving = 0; halving < kHalvings; ++halving) {
    shuffle(order, random);
    const std::span<const size_t> all(order);
    const double agreement = spearman(half_means(scores, all.first(count / 2)),
                                      half_means(scores, all.subspan(count / 2, count / 2)));
    if (!std::isnan(agreement)) sum += agreement;
  }
  return sum / kHalvings;
}

std::vector<Head> heads_at_least(const HeadMeans& means, double threshold) {
  std::vector<Head> heads;
  for (const auto& [head, mean] : means) {
    if (mean >= threshold) heads.push_back(head);
  }
  return heads;
}

}  // namespace retmask::detect
