#pragma once
// Overlap of the best heads of two lists.

#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "retmask/heads/compare.h"

namespace retmask {

// (k_a, k_b) of the rows of an overlap.
using OverlapSizes = std::set<std::pair<int64_t, int64_t>>;

// Without CompareOptions::top: see there.
OverlapSizes sensible_sizes(const HeadList& a, const HeadList& b);

// `num_heads` of the model, if known. The sizes must not exceed the lists.
HeadOverlap overlap_of(const HeadList& a,
                       const HeadList& b,
                       std::pair<int64_t, int64_t> sizes,
                       std::optional<int64_t> num_heads);

}  // namespace retmask
