#pragma once
// The sign test of paired results.

#include <cstdint>

namespace retmask {

// Two-sided p-value of the exact sign test: the probability that fair coin tosses, one for each
// pair that differs, are split at least as unevenly (scipy.stats.binomtest(wins, wins + losses,
// 0.5); McNemar's exact test, where results are right or wrong). 1 if no pair differs.
double sign_test(int64_t wins, int64_t losses);

}  // namespace retmask
