#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "random_values.h"
#include "retmask/kernels/paged_attention.h"

namespace retmask::kernels {
namespace {

using testing::Guarded;
using testing::kTolerance;
using testing::random_values;

template <typename Element>
class PagedAttentionTest : public ::testing::Test {};
using Elements = ::testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(PagedAttentionTest, Elements);

constexpr int64_t kGroup = 3;
constexpr int64_t kHeads = 2;  // key/value heads
constexpr int64_t kBlockSize = 16;

template <typename Element>
struct Setting {
  explicit Setting(int64_t head_dim)
      : keys(random_values<Element>(6 * kHeads * kBlockSize * head_dim, "keys")),
        values(random_values<Element>(6 * kHeads * kBlockSize * head_dim, "values")),
        q(random_values<Element>(kGroup * head_dim, "q")),
        out(static_cast<size_t>(kGroup * head_dim)) {
    cache = {.keys = keys.data(),
             .values = values.data(),
             .num_key_value_heads = kHeads,
             .block_size = kBlockSize,
             .head_dim = head_dim,
             .blocks = blocks.data(),
             .first = 0,
             .end = 0};
    query = {.q = q.data(),
             .group = kGroup,
             .key_value_head = 1,
             .gate = nullptr,
             .out = out.data(),
             .largest_key = nullptr};
  }
  const Element* row(const Guarded<Element>& from, int64_t token) const {
    const int64_t block = blocks[static_cast<size_t>(token / kBlockSize)];
    return from.data() +
           ((block * kHeads + query.key_value_head) * kBlockSize + token % kBlockSize) *
               cache.head_dim;
  }
  double score(int64_t g, int64_t token) const {
    double sum = 0;
    for (int64_t i = 0; i < cache.head_dim; ++i)
      sum += widen(q[g * cache.head_dim + i]) * widen(row(keys, token)[i]);
    return sum / std::sqrt(static_cast<double>(cache.head_dim));
  }
  void expect_exact(int64_t g) const {
    double total = 0;
    std::vector<double> sums(static_cast<size_t>(cache.head_dim));
    for (int64_t token = cache.first; token < cache.end; ++token) {
      const double weight = std::exp(score(g, token));
      total += weight;
      for (int64_t i = 0; i < cache.head_dim; ++i) sums[i] += weight * widen(row(values, token)[i]);
    }
    for (int64_t i = 0; i < cache.head_dim; ++i)
      EXPECT_NEAR(widen(out[g * cache.head_dim + i]), sums[i] / total, kTolerance<Element>);
  }

  Guarded<int32_t> blocks{4, 0, 5, 2};
  Guarded<Element> keys, values, q, out;
  PagedKeyValues<Element> cache;
  GroupQuery<Element> query;
  std::vector<float> scratch;
};

// One token, part of a block, several blocks, a window that starts inside a block.
TYPED_TEST(PagedAttentionTest, EqualsPlainLoops) {
  for (const int64_t head_dim : {64, 128, 24}) {
    Setting<TypeParam> s(head_dim);
    for (const auto& [first, end] :
         {std::pair{0, 1}, std::pair{0, 13}, std::pair{0, 64}, std::pair{21, 50}}) {
      s.cache.first = first;
      s.cache.end = end;
      attend(s.cache, s.query, s.scratch);
      for (int64_t g = 0; g < kGroup; ++g) s.expect_exact(g);
    }
  }
}

TYPED_TEST(PagedAttentionTest, AGateOfZeroSwitchesAHeadOff) {
  Setting<TypeParam> s(64);
  s.cache.end = 40;
  Guarded<TypeParam> gate(kGroup);
  narrow(1.0F, gate[0]);
  narrow(1.0F, gate[2]);
  s.query.gate = gate.data();
  s.out.assign(s.out.size(), gate[0]);
  attend(s.cache, s.query, s.scratch);
  s.expect_exact(0);
  s.expect_exact(2);
  for (int64_t i = 64; i < 128; ++i) EXPECT_EQ(widen(s.out[i]), 0.0F);
}

TYPED_TEST(PagedAttentionTest, FindsTheLargestKeyAlsoOfHeadsThatAreOff) {
  Setting<TypeParam> s(64);
  s.cache.first = 5;
  s.cache.end = 60;
  const Guarded<TypeParam> gate(kGroup);
  Guarded<int64_t> largest(kGroup, -1);
  s.query.gate = gate.data();
  s.query.largest_key = largest.data();
  attend(s.cache, s.query, s.scratch);
  for (int64_t g = 0; g < kGroup; ++g) {
    int64_t best = 5;
    for (int64_t token = 5; token < 60; ++token) {
      if (s.score(g, token) > s.score(g, best)) best = token;
    }
    EXPECT_EQ(largest[static_cast<size_t>(g)], best);
  }
}

}  // namespace
}  // namespace retmask::kernels
