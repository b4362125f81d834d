#pragma once
// Rank correlation and the chance of an overlap.

#include <cstdint>
#include <optional>
#include <vector>

namespace retmask {

// 1 for the largest value; equal values share the mean of their ranks.
std::vector<double> descending_ranks(const std::vector<double>& values);

// Pearson's correlation; of ranks it is Spearman's rho. Empty for less than two values, and if all
// values of a side are equal.
std::optional<double> correlation(const std::vector<double>& a, const std::vector<double>& b);

// P(X >= common) for the number X of common elements of two random subsets of k_a and k_b out of
// `total` elements: hypergeometric distribution.
double overlap_p_value(int64_t common, int64_t k_a, int64_t k_b, int64_t total);

}  // namespace retmask
