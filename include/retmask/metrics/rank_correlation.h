#pragma once
// Ranks, and Spearman's correlation of two orders.

#include <optional>
#include <span>
#include <vector>

namespace retmask {

// The rank of each value, 1 for the highest; equal values share the mean of their ranks.
// Throws InternalError for NaN.
std::vector<double> descending_ranks(std::span<const double> values);

// Pearson's correlation; of ranks it is Spearman's. Empty for less than two values, and if all
// values of either are equal. Throws InternalError unless they are equally many.
std::optional<double> correlation(std::span<const double> a, std::span<const double> b);

// The correlation of the ranks of a and b (Spearman 1904, with ties). NaN if all values of
// either are equal. Throws InternalError unless they are equally many.
double spearman(std::span<const double> a, std::span<const double> b);

}  // namespace retmask
