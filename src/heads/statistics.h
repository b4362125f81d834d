#pragma once
// The chance of an overlap.

#include <cstdint>

namespace retmask {

// P(X >= common) for the number X of common elements of two random subsets of k_a and k_b out of
// `total` elements: hypergeometric distribution.
double overlap_p_value(int64_t common, int64_t k_a, int64_t k_b, int64_t total);

}  // namespace retmask
