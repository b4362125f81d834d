#include "statistics.h"

#include <algorithm>
#include <cmath>

namespace retmask {
namespace {

double log_choose(int64_t n, int64_t k) {
  return std::lgamma(static_cast<double>(n + 1)) - std::lgamma(static_cast<double>(k + 1)) -
         std::lgamma(static_cast<double>(n - k + 1));
}

}  // namespace

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
