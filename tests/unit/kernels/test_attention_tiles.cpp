#include <gtest/gtest.h>

#include <cmath>

#include "attention_tiles.h"
#include "avx512.h"
#include "random_values.h"

// The AMX kernels a second time, on emulated instructions. The first include keeps its own
// namespace.
#define RETMASK_EMULATED_AMX
#define amx amx_on_loops
namespace retmask::kernels::amx {
inline constexpr int64_t kMostHeadDim = 256;
void score_blocks(const BlockScores<BFloat16>& work);
void add_weighted_blocks(const BlockSums<BFloat16>& work);
}  // namespace retmask::kernels::amx
#include "../../../src/kernels/attention_tiles_amx.cpp"
#undef amx

namespace retmask::kernels {
namespace {

using testing::Guarded;
using testing::kTolerance;
using testing::random_values;

template <typename Element>
using Score = void (*)(const BlockScores<Element>&);
template <typename Element>
using Add = void (*)(const BlockSums<Element>&);

template <typename Element>
struct Blocks {
  Blocks(int64_t count, int64_t head_dim, const std::string& name)
      : rows(random_values<Element>(count * kBlockTokens * head_dim, name)),
        keys(rows.size()),
        values(rows.size()) {
    for (int64_t token = 0; token < count * kBlockTokens; ++token) {
      const int64_t block = token / kBlockTokens * kBlockTokens * head_dim;
      const Element* row = rows.data() + token * head_dim;
      store_key(row, token % kBlockTokens, head_dim, keys.data() + block);
      store_value(row, token % kBlockTokens, head_dim, values.data() + block);
    }
    // In reverse, as blocks of a cache may lie.
    for (int64_t b = count; b-- > 0;) {
      key_blocks.push_back(keys.data() + b * kBlockTokens * head_dim);
      value_blocks.push_back(values.data() + b * kBlockTokens * head_dim);
    }
  }
  const Element* row(int64_t token, int64_t head_dim) const {
    const auto count = static_cast<int64_t>(key_blocks.size());
    const int64_t block = count - 1 - token / kBlockTokens;
    return rows.data() + (block * kBlockTokens + token % kBlockTokens) * head_dim;
  }
  Guarded<Element> rows, keys, values;
  std::vector<const Element*> key_blocks, value_blocks;
};

template <typename Element>
void expect_scores(Score<Element> score, int64_t num_rows, int64_t num_blocks, int64_t head_dim) {
  SCOPED_TRACE(::testing::Message()
               << num_rows << " rows, " << num_blocks << " blocks, D " << head_dim);
  const Blocks<Element> blocks(num_blocks, head_dim, "keys");
  const auto rows = random_values<Element>(num_rows * head_dim, "rows");
  const int64_t stride = num_blocks * kBlockTokens + 3;
  Guarded<float> scores(static_cast<size_t>(num_rows * stride - 3), -7.0F);
  score({.rows = rows.data(),
         .num_rows = num_rows,
         .head_dim = head_dim,
         .blocks = blocks.key_blocks.data(),
         .num_blocks = num_blocks,
         .scores = scores.data(),
         .stride = stride,
         .next = blocks.value_blocks.data()});
  for (int64_t r = 0; r < num_rows; ++r) {
    for (int64_t t = 0; t < num_blocks * kBlockTokens; ++t) {
      double sum = 0;
      for (int64_t d = 0; d < head_dim; ++d)
        sum +=
            static_cast<double>(widen(rows[r * head_dim + d])) * widen(blocks.row(t, head_dim)[d]);
      // Products of bfloat16 are exact; only their float32 sum is rounded.
      ASSERT_NEAR(scores[r * stride + t], sum, 1e-5 * (1 + std::abs(sum))) << r << ", " << t;
    }
    if (r + 1 < num_rows) {
      for (int64_t i = 0; i < 3; ++i)
        ASSERT_EQ(scores[r * stride + num_blocks * kBlockTokens + i], -7.0F);
    }
  }
}

template <typename Element>
void expect_sums(Add<Element> add, int64_t num_rows, int64_t num_tokens, int64_t head_dim) {
  SCOPED_TRACE(::testing::Message()
               << num_rows << " rows, " << num_tokens << " tokens, D " << head_dim);
  const int64_t num_blocks = (num_tokens + kBlockTokens - 1) / kBlockTokens;
  Blocks<Element> blocks(num_blocks, head_dim, "values");
  // What lies behind the last pair may be anything.
  const int64_t pairs_end = (num_tokens + kPair<Element> - 1) / kPair<Element> * kPair<Element>;
  for (int64_t i = pairs_end % kBlockTokens * head_dim;
       pairs_end % kBlockTokens != 0 && i < kBlockTokens * head_dim;
       ++i)
    narrow(NAN, const_cast<Element*>(blocks.value_blocks.back())[i]);
  const int64_t stride = num_blocks * kBlockTokens;
  auto weights = random_values<Element>(num_rows * stride, "weights");
  for (int64_t r = 0; r < num_rows; ++r)
    std::fill(
        weights.begin() + r * stride + num_tokens, weights.begin() + (r + 1) * stride, Element{});
  Guarded<float> sums(static_cast<size_t>(num_rows * head_dim), 0.25F);
  add({.weights = weights.data(),
       .stride = stride,
       .num_rows = num_rows,
       .head_dim = head_dim,
       .blocks = blocks.value_blocks.data(),
       .num_tokens = num_tokens,
       .sums = sums.data(),
       .next = blocks.key_blocks.data(),
       .num_next = num_blocks - 1});
  for (int64_t r = 0; r < num_rows; ++r) {
    for (int64_t d = 0; d < head_dim; ++d) {
      double sum = 0.25;
      for (int64_t t = 0; t < num_tokens; ++t)
        sum +=
            static_cast<double>(widen(weights[r * stride + t])) * widen(blocks.row(t, head_dim)[d]);
      ASSERT_NEAR(sums[r * head_dim + d], sum, 1e-5 * (1 + std::abs(sum))) << r << ", " << d;
    }
  }
}

// Every number of rows of a tile and its ends; odd and even numbers of blocks; whole and broken
// ones.
template <typename Element>
void expect_all(Score<Element> score, Add<Element> add, const std::vector<int64_t>& head_dims) {
  for (const int64_t head_dim : head_dims) {
    for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33, 70}) {
      for (const int64_t blocks : {1, 2, 5, 8}) expect_scores(score, rows, blocks, head_dim);
      for (const int64_t tokens : {1, 2, 15, 16, 33, 128}) expect_sums(add, rows, tokens, head_dim);
    }
  }
}

TEST(AttentionTiles, Portable) {
  expect_all<float>(score_blocks_portable<float>, add_weighted_blocks_portable<float>, {24, 64});
  expect_all<BFloat16>(
      score_blocks_portable<BFloat16>, add_weighted_blocks_portable<BFloat16>, {24, 64});
}

TEST(AttentionTiles, Avx512) {
  if (!has_avx512<float>()) GTEST_SKIP() << "no AVX-512";
  expect_all<float>(avx512::score_blocks<float>, avx512::add_weighted_blocks<float>, {64, 80, 128});
  if (!has_avx512<BFloat16>()) GTEST_SKIP() << "no AVX512_BF16";
  expect_all<BFloat16>(
      avx512::score_blocks<BFloat16>, avx512::add_weighted_blocks<BFloat16>, {64, 80, 128});
}

TEST(AttentionTiles, EmulatedAmx) {
  expect_all<BFloat16>(
      amx_on_loops::score_blocks, amx_on_loops::add_weighted_blocks, {32, 64, 128, 256});
}

TEST(AttentionTiles, ChoosesOneOfThem) {
  expect_all<float>(score_blocks, add_weighted_blocks, {24, 64});
  expect_all<BFloat16>(score_blocks, add_weighted_blocks, {24, 64});
}

}  // namespace
}  // namespace retmask::kernels
