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
constexpr int64_t kHead = 1;   // the one that is attended
constexpr int64_t kBlocks = 18;

// A sequence in scattered blocks, and new tokens at its end. Everything else in the blocks is NaN.
template <typename Element>
struct Setting {
  Setting(int64_t head_dim, int64_t num_keys, int64_t num_queries)
      : dim(head_dim),
        length(num_keys),
        k(random_values<Element>(num_keys * head_dim, "keys")),
        v(random_values<Element>(num_keys * head_dim, "values")),
        q(random_values<Element>(num_queries * kGroup * head_dim, "q")),
        keys(static_cast<size_t>(kBlocks * kHeads * kBlockTokens * head_dim), not_a_number()),
        values(keys.size(), not_a_number()),
        out(q.size()) {
    for (int32_t i = 0; i < kBlocks; ++i) blocks[static_cast<size_t>(i)] = 7 * i % kBlocks;
    for (int64_t token = 0; token < length; ++token) {
      const int64_t block = blocks[static_cast<size_t>(token / kBlockTokens)];
      const int64_t at = (block * kHeads + kHead) * kBlockTokens * dim;
      store_key(k.data() + token * dim, token % kBlockTokens, dim, keys.data() + at);
      store_value(v.data() + token * dim, token % kBlockTokens, dim, values.data() + at);
      if (token == length - 1) end_values(token % kBlockTokens, dim, values.data() + at);
    }
    cache = {.keys = keys.data(),
             .values = values.data(),
             .num_key_value_heads = kHeads,
             .head_dim = dim,
             .blocks = blocks.data()};
    queries = {.q = q.data(),
               .q_stride = kGroup * dim,
               .tokens = num_queries,
               .position = num_keys - num_queries,
               .window = num_keys,
               .group = kGroup,
               .key_value_head = kHead,
               .out = out.data(),
               .out_stride = kGroup * dim};
  }
  static Element not_a_number() {
    Element value;
    narrow(NAN, value);
    return value;
  }
  int64_t position(int64_t token) const { return queries.position + token; }
  int64_t first_visible(int64_t token) const {
    return std::max<int64_t>(0, position(token) + 1 - queries.window);
  }
  double score(int64_t token, int64_t g, int64_t key) const {
    double sum = 0;
    for (int64_t i = 0; i < dim; ++i)
      sum += widen(q[(token * kGroup + g) * dim + i]) * widen(k[key * dim + i]);
    return sum / std::sqrt(static_cast<double>(dim));
  }
  void expect_exact(int64_t token, int64_t g) const {
    double total = 0;
    std::vector<double> sums(static_cast<size_t>(dim));
    for (int64_t key = first_visible(token); key <= position(token); ++key) {
      const double weight = std::exp(score(token, g, key));
      total += weight;
      for (int64_t i = 0; i < dim; ++i) sums[i] += weight * widen(v[key * dim + i]);
    }
    for (int64_t i = 0; i < dim; ++i)
      ASSERT_NEAR(widen(out[(token * kGroup + g) * dim + i]), sums[i] / total, kTolerance<Element>)
          << "token " << token << ", head " << g << ", element " << i;
    if (queries.log_sums != nullptr) {
      ASSERT_NEAR(queries.log_sums[token * queries.log_sums_stride + g], std::log(total), 1e-4);
    }
  }

  const int64_t dim;
  const int64_t length;
  Guarded<int32_t> blocks = Guarded<int32_t>(kBlocks);
  Guarded<Element> k, v, q, keys, values, out;
  PagedKeyValues<Element> cache;
  GroupQueries<Element> queries;
  std::vector<float> scratch = std::vector<float>(7, NAN);  // stale contents must not matter
};

// One token and many, parts of blocks, several chunks, windows that start inside a block.
TYPED_TEST(PagedAttentionTest, EqualsPlainLoops) {
  struct Case {
    int64_t keys, queries, window;
  };
  for (const int64_t head_dim : {64, 128, 24}) {
    for (const auto& [keys, queries, window] : {Case{1, 1, 1},
                                                Case{13, 1, 13},
                                                Case{64, 1, 64},
                                                Case{50, 1, 29},
                                                Case{287, 1, 287},
                                                Case{13, 13, 13},
                                                Case{150, 40, 150},
                                                Case{283, 33, 7},
                                                Case{270, 20, 133}}) {
      SCOPED_TRACE(::testing::Message() << "D " << head_dim << ", " << keys << " keys, " << queries
                                        << " queries, window " << window);
      Setting<TypeParam> s(head_dim, keys, queries);
      s.queries.window = window;
      Guarded<float> log_sums(static_cast<size_t>(queries * kGroup));
      s.queries.log_sums = log_sums.data();
      s.queries.log_sums_stride = kGroup;
      attend(s.cache, s.queries, s.scratch);
      for (int64_t token = 0; token < queries; ++token)
        for (int64_t g = 0; g < kGroup; ++g) s.expect_exact(token, g);
    }
  }
}

// A token that is decoded alone gets the bits of one that is read with the whole prompt.
TYPED_TEST(PagedAttentionTest, ResultsDoNotDependOnTheOtherTokens) {
  for (const int64_t window : {270, 150, 21}) {
    Setting<TypeParam> together(64, 270, 40);
    together.queries.window = window;
    attend(together.cache, together.queries, together.scratch);
    for (int64_t token = 0; token < 40; ++token) {
      Setting<TypeParam> alone(64, 270, 40);
      alone.queries.window = window;
      alone.queries.position += token;
      alone.queries.q += token * kGroup * 64;
      alone.queries.out += token * kGroup * 64;
      alone.queries.tokens = 1;
      attend(alone.cache, alone.queries, alone.scratch);
      for (int64_t i = token * kGroup * 64; i < (token + 1) * kGroup * 64; ++i)
        ASSERT_EQ(widen(alone.out[i]), widen(together.out[i])) << "token " << token;
    }
  }
}

TYPED_TEST(PagedAttentionTest, AGateOfZeroSwitchesAHeadOff) {
  Setting<TypeParam> s(64, 40, 2);
  Guarded<TypeParam> gate(kGroup);
  narrow(1.0F, gate[0]);
  narrow(1.0F, gate[2]);
  s.queries.gate = gate.data();
  s.out.assign(s.out.size(), gate[0]);
  attend(s.cache, s.queries, s.scratch);
  for (int64_t token = 0; token < 2; ++token) {
    s.expect_exact(token, 0);
    s.expect_exact(token, 2);
    for (int64_t i = 64; i < 128; ++i) EXPECT_EQ(widen(s.out[token * kGroup * 64 + i]), 0.0F);
  }
}

TYPED_TEST(PagedAttentionTest, FindsTheLargestKeyOfTheLastTokenAlsoForHeadsThatAreOff) {
  Setting<TypeParam> s(64, 260, 3);
  s.queries.window = 140;
  const Guarded<TypeParam> gate(kGroup);
  Guarded<int64_t> largest(kGroup, -1);
  s.queries.gate = gate.data();
  s.queries.largest_key = largest.data();
  attend(s.cache, s.queries, s.scratch);
  for (int64_t g = 0; g < kGroup; ++g) {
    int64_t best = s.first_visible(2);
    for (int64_t key = best; key < 260; ++key) {
      if (s.score(2, g, key) > s.score(2, g, best)) best = key;
    }
    EXPECT_EQ(largest[static_cast<size_t>(g)], best);
    for (int64_t i = 0; i < 64; ++i) EXPECT_EQ(widen(s.out[g * 64 + i]), 0.0F);
  }
}

}  // namespace
}  // namespace retmask::kernels
