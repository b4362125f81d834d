#include "retmask/metrics/rank_correlation.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "retmask/base/error.h"

namespace retmask {

std::vector<double> descending_ranks(std::span<const double> values) {
  for (const double value : values) RETMASK_CHECK(!std::isnan(value));
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] > values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double rank = 0.5 * static_cast<double>(begin + 1 + end);
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = rank;
    begin = end;
  }
  return ranks;
}

std::optional<double> correlation(std::span<const double> a, std::span<const double> b) {
  RETMASK_CHECK(a.size() == b.size(), a.size(), " and ", b.size(), " values");
  if (a.size() < 2) return std::nullopt;
  const auto size = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / size;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / size;
  double covariance = 0.0;
  double variance_a = 0.0;
  double variance_b = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double from_mean_a = a[i] - mean_a;
    const double from_mean_b = b[i] - mean_b;
    covariance += from_mean_a * from_mean_b;
    variance_a += from_mean_a * from_mean_a;
    variance_b += from_mean_b * from_mean_b;
  }
  if (variance_a == 0 || variance_b == 0) return std::nullopt;
  return std::clamp(covariance / std::sqrt(variance_a * variance_b), -1.0, 1.0);
}

double spearman(std::span<const double> a, std::span<const double> b) {
  return correlation(descending_ranks(a), descending_ranks(b))
      .value_or(std::numeric_limits<double>::quiet_NaN());
}

}  // namespace retmask
