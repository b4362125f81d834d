#include "statistics.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace retmask {
namespace {

double log_choose(int64_t n, int64_t k) {
  return std::lgamma(static_cast<double>(n + 1)) - std::lgamma(static_cast<double>(k + 1)) -
         std::lgamma(static_cast<double>(n - k + 1));
}

std::vector<double> centred(std::vector<double> values) {
  const double mean =
      std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  for (double& value : values) value -= mean;
  return values;
}

}  // namespace

std::vector<double> descending_ranks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::sort(order, [&](size_t a, size_t b) { return values[a] > values[b]; });
  std::vector<double> ranks(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t i = begin; i < end; ++i) ranks[order[i]] = static_cast<double>(begin + 1 + end) / 2;
    begin = end;
  }
  return ranks;
}

std::optional<double> correlation(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() < 2) return std::nullopt;
  const std::vector<double> x = centred(a);
  const std::vector<double> y = centred(b);
  const double xx = std::inner_product(x.begin(), x.end(), x.begin(), 0.0);
  const double yy = std::inner_product(y.begin(), y.end(), y.begin(), 0.0);
  if (xx == 0 || yy == 0) return std::nullopt;
  const double xy = std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
  return std::clamp(xy / std::sqrt(xx * yy), -1.0, 1.0);
}

double overlap_p_value(int64_t common, int64_t k_a, int64_t k_b, int64_t total) {
  double p = 0.0;
  const int64_t least = std::max<int64_t>(0, k_a + k_b - total);
  if (common <= least) return 1.0;
  for (int64_t x = common; x <= std::min(k_a, k_b); ++x) {
    p += std::exp(log_choose(k_a, x) + log_choose(total - k_a, k_b - x) - log_choose(total, k_b));
  }
  return std::min(p, 1.0);
}

}  // namespace retmask
