#include "retmask/metrics/concentration.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <vector>

#include "retmask/base/error.h"

namespace retmask {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

// The scores in descending order, those below 0 as 0.
std::vector<double> descending_shares(std::span<const double> scores) {
  std::vector<double> sorted(scores.begin(), scores.end());
  for (double& score : sorted) score = std::max(score, 0.0);
  std::sort(sorted.begin(), sorted.end(), std::greater());
  return sorted;
}

double sum(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0);
}

}  // namespace

double top_share(std::span<const double> scores, double fraction) {
  RETMASK_CHECK(fraction > 0 && fraction <= 1, fraction);
  const std::vector<double> sorted = descending_shares(scores);
  const double total = sum(sorted);
  if (total == 0) return kUndefined;
  constexpr double kRounding = 1e-9;  // 0.1 x 30 is a little more than 3
  const double wanted = std::ceil(fraction * static_cast<double>(sorted.size()) - kRounding);
  const auto count = std::min(static_cast<size_t>(std::max(wanted, 1.0)), sorted.size());
  return sum(std::span(sorted).first(count)) / total;
}

double gini(std::span<const double> scores) {
  const std::vector<double> sorted = descending_shares(scores);
  const double total = sum(sorted);
  if (total == 0) return kUndefined;
  const auto n = static_cast<double>(sorted.size());
  double weighted = 0.0;  // by the place from the top, as the highest count least
  for (size_t i = 0; i < sorted.size(); ++i)
    weighted += sorted[i] / total * (static_cast<double>(i) + 0.5) / n;
  return 1.0 - 2.0 * weighted;
}

double hoyer(std::span<const double> scores) {
  const std::vector<double> sorted = descending_shares(scores);
  const double total = sum(sorted);
  if (total == 0 || sorted.size() < 2) return kUndefined;
  double squares = 0.0;
  for (const double score : sorted) squares += score * score;
  const double root = std::sqrt(static_cast<double>(sorted.size()));
  return (root - total / std::sqrt(squares)) / (root - 1.0);
}

}  // namespace retmask
