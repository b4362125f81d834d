#include "overlap.h"

#include <algorithm>
#include <array>

#include "statistics.h"

namespace retmask {
namespace {

constexpr std::array<int64_t, 4> kSizes = {10, 20, 40, 80};
constexpr std::array<double, 2> kPaperThresholds = {0.05, 0.1};

int64_t length_of(const HeadList& list) { return static_cast<int64_t>(list.ranked.size()); }

int64_t count_at_least(const HeadList& list, double threshold) {
  return std::ranges::count_if(*list.scores,
                               [&](const auto& score) { return score.second >= threshold; });
}

}  // namespace

OverlapSizes sensible_sizes(const HeadList& a, const HeadList& b) {
  OverlapSizes sizes;
  if (!a.scores && !b.scores) return {{length_of(a), length_of(b)}};
  if (!a.scores || !b.scores) {
    const HeadList& list = a.scores ? b : a;
    const HeadList& scored = a.scores ? a : b;
    std::set<int64_t> of_scored(kSizes.begin(), kSizes.end());
    of_scored.insert(length_of(list));
    for (const double threshold : kPaperThresholds) {
      const int64_t count = count_at_least(scored, threshold);
      if (count <= length_of(scored) / 2) of_scored.insert(count);
    }
    for (const int64_t k : of_scored) {
      if (k < 1 || k > length_of(scored)) continue;
      sizes.insert(a.scores ? std::pair(k, length_of(list)) : std::pair(length_of(list), k));
    }
    return sizes;
  }
  for (const int64_t k : kSizes) {
    if (k <= std::min(length_of(a), length_of(b))) sizes.insert({k, k});
  }
  for (const double threshold : kPaperThresholds) {
    const int64_t of_a = count_at_least(a, threshold);
    const int64_t of_b = count_at_least(b, threshold);
    const bool says_something = of_a <= length_of(a) / 2 && of_b <= length_of(b) / 2;
    if (of_a > 0 && of_b > 0 && says_something) sizes.insert({of_a, of_b});
  }
  if (sizes.empty()) {
    const int64_t half = std::max<int64_t>(1, std::min(length_of(a), length_of(b)) / 2);
    sizes.insert({half, half});
  }
  return sizes;
}

HeadOverlap overlap_of(const HeadList& a,
                       const HeadList& b,
                       std::pair<int64_t, int64_t> sizes,
                       std::optional<int64_t> num_heads) {
  const auto best = [](const HeadList& list, int64_t k) {
    return std::set<Head>(list.ranked.begin(), list.ranked.begin() + k);
  };
  const std::set<Head> of_a = best(a, sizes.first);
  const std::set<Head> of_b = best(b, sizes.second);
  HeadOverlap overlap{.k_a = sizes.first, .k_b = sizes.second};
  overlap.common =
      std::ranges::count_if(of_a, [&](const Head& head) { return of_b.contains(head); });
  if (num_heads) {
    overlap.by_chance = static_cast<double>(sizes.first) * static_cast<double>(sizes.second) /
                        static_cast<double>(*num_heads);
    overlap.p_value = overlap_p_value(overlap.common, sizes.first, sizes.second, *num_heads);
  }
  return overlap;
}

}  // namespace retmask
