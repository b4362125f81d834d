#include "verify_policies.h"

#include <algorithm>

#include "retmask/base/random.h"

namespace retmask::detect {
namespace {

using Heads = std::vector<Head>;

Heads first_heads(Heads heads, int64_t k) {
  heads.resize(static_cast<size_t>(k));
  std::sort(heads.begin(), heads.end());
  return heads;
}

// Highest mean first, as ranked_heads().
Heads from_the_top(const HeadMeans& means) {
  Heads heads;
  for (const HeadMean& head : ranked_heads(means)) heads.push_back(head.head);
  return heads;
}

// Lowest mean first, equal ones in random order.
Heads from_the_bottom(const HeadMeans& means, uint64_t seed) {
  Heads heads;
  for (const auto& [head, mean] : means) heads.push_back(head);
  RandomStream random(seed, "verify bottom");
  shuffle(heads, random);
  std::ranges::stable_sort(heads, {}, [&](const Head& head) { return means.at(head); });
  return heads;
}

Heads random_heads(const Heads& ranked, int64_t k, int64_t draw, uint64_t seed) {
  Heads others(ranked.begin() + k, ranked.end());
  std::sort(others.begin(), others.end());
  RandomStream random(seed, "verify random " + std::to_string(k) + " " + std::to_string(draw));
  shuffle(others, random);
  return first_heads(std::move(others), k);
}

}  // namespace

std::vector<VerifyPolicy> verify_policies(const HeadMeans& means,
                                          const std::vector<int64_t>& ks,
                                          uint64_t seed) {
  const Heads ranked = from_the_top(means);
  const Heads lowest = from_the_bottom(means, seed);
  std::vector<VerifyPolicy> policies = {{.mask = "none"}};
  for (const int64_t k : ks)
    policies.push_back({.mask = "retrieval", .k = k, .heads = first_heads(ranked, k)});
  for (const int64_t k : ks) {
    for (int64_t draw = 0; draw < kRandomDraws; ++draw) {
      policies.push_back(
          {.mask = "random", .k = k, .draw = draw, .heads = random_heads(ranked, k, draw, seed)});
    }
  }
  for (const int64_t k : ks)
    policies.push_back({.mask = "bottom", .k = k, .heads = first_heads(lowest, k)});
  return policies;
}

}  // namespace retmask::detect
