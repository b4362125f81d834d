#include "retmask/metrics/sign_test.h"

#include <algorithm>
#include <cmath>

namespace retmask {

double sign_test(int64_t wins, int64_t losses) {
  const int64_t pairs = wins + losses;
  if (wins == losses) return 1.0;
  // log of binomial(pairs, i) / 2^pairs, which underflows in itself for thousands of pairs.
  const auto log_probability = [&](int64_t i) {
    const auto n = static_cast<double>(pairs);
    const auto k = static_cast<double>(i);
    return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) - n * std::log(2.0);
  };
  double tail = 0.0;
  for (int64_t i = 0; i <= std::min(wins, losses); ++i) tail += std::exp(log_probability(i));
  return std::min(1.0, 2 * tail);
}

}  // namespace retmask
