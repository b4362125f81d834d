#include "attention_tiles.h"

#include <type_traits>

#include "avx512.h"
#include "matmul_amx.h"
#include "simd.h"

namespace retmask::kernels {
namespace {

// The elements of a pair in a block, widened; the low half of a word holds the first.
RETMASK_INLINE float pair_element(const float* block, int64_t index, int64_t) {
  return block[index];
}
RETMASK_INLINE float pair_element(const BFloat16* block, int64_t index, int64_t which) {
  uint32_t word = 0;
  std::memcpy(&word, block + 2 * index, sizeof word);
  const uint32_t wide = which == 0 ? word << 16 : word & 0xffff0000U;
  float value = 0;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

// Rows computed together, so that a widened element is used several times.
constexpr int64_t kPortableRows = 4;

template <int64_t Rows, typename Element>
RETMASK_INLINE void score_rows(const BlockScores<Element>& work, int64_t row) {
  constexpr int64_t pair = kPair<Element>;
  for (int64_t b = 0; b < work.num_blocks; ++b) {
    const Element* keys = work.blocks[b];
    float sums[Rows][kBlockTokens] = {};
    for (int64_t d = 0; d < work.head_dim; d += pair, keys += kBlockTokens * pair) {
      for (int64_t i = 0; i < pair; ++i) {
        float factors[Rows];
        for (int64_t r = 0; r < Rows; ++r)
          factors[r] = widen(work.rows[(row + r) * work.head_dim + d + i]);
#pragma omp simd
        for (int64_t t = 0; t < kBlockTokens; ++t) {
          const float key = pair_element(keys, t, i);
          for (int64_t r = 0; r < Rows; ++r) sums[r][t] += factors[r] * key;
        }
      }
    }
    for (int64_t r = 0; r < Rows; ++r) {
      float* scores = work.scores + (row + r) * work.stride + b * kBlockTokens;
      for (int64_t t = 0; t < kBlockTokens; ++t) scores[t] = sums[r][t];
    }
  }
}

template <typename Element>
RETMASK_INLINE void score_all(const BlockScores<Element>& work) {
  int64_t row = 0;
  for (; row + kPortableRows <= work.num_rows; row += kPortableRows)
    score_rows<kPortableRows>(work, row);
  for (; row < work.num_rows; ++row) score_rows<1>(work, row);
}

// Elements of head_dim whose sums stay in registers.
constexpr int64_t kPortableSlice = 16;

template <int64_t Rows, int64_t Slice, typename Element>
RETMASK_INLINE void add_slice(const BlockSums<Element>& work, int64_t row, int64_t slice) {
  constexpr int64_t pair = kPair<Element>;
  float sums[Rows][Slice];
  for (int64_t r = 0; r < Rows; ++r)
    for (int64_t d = 0; d < Slice; ++d)
      sums[r][d] = work.sums[(row + r) * work.head_dim + slice + d];
  for (int64_t token = 0; token < work.num_tokens; token += pair) {
    const Element* values =
        work.blocks[token / kBlockTokens] + token % kBlockTokens * work.head_dim + slice * pair;
    for (int64_t i = 0; i < pair; ++i) {
      float factors[Rows];
      for (int64_t r = 0; r < Rows; ++r)
        factors[r] = widen(work.weights[(row + r) * work.stride + token + i]);
#pragma omp simd
      for (int64_t d = 0; d < Slice; ++d) {
        const float value = pair_element(values, d, i);
        for (int64_t r = 0; r < Rows; ++r) sums[r][d] += factors[r] * value;
      }
    }
  }
  for (int64_t r = 0; r < Rows; ++r)
    for (int64_t d = 0; d < Slice; ++d)
      work.sums[(row + r) * work.head_dim + slice + d] = sums[r][d];
}

template <int64_t Rows, typename Element>
RETMASK_INLINE void add_rows(const BlockSums<Element>& work, int64_t row) {
  int64_t slice = 0;
  for (; slice + kPortableSlice <= work.head_dim; slice += kPortableSlice)
    add_slice<Rows, kPortableSlice>(work, row, slice);
  for (; slice < work.head_dim; slice += 2) add_slice<Rows, 2>(work, row, slice);
}

template <typename Element>
RETMASK_INLINE void add_all(const BlockSums<Element>& work) {
  int64_t row = 0;
  for (; row + kPortableRows <= work.num_rows; row += kPortableRows)
    add_rows<kPortableRows>(work, row);
  for (; row < work.num_rows; ++row) add_rows<1>(work, row);
}

enum class Tiles { portable, avx512, amx };

template <typename Element>
Tiles tiles_for(int64_t head_dim) {
  if (sizeof(Element) == 2 && head_dim % amx::kHeadDimMultiple == 0 &&
      head_dim <= amx::kMostHeadDim && amx::is_available())
    return Tiles::amx;
  return has_avx512<Element>() && head_dim % avx512::kHeadDimMultiple == 0 ? Tiles::avx512
                                                                           : Tiles::portable;
}

}  // namespace

template <>
RETMASK_SIMD_CLONES void score_blocks_portable(const BlockScores<float>& work) {
  score_all(work);
}
template <>
RETMASK_SIMD_CLONES void score_blocks_portable(const BlockScores<BFloat16>& work) {
  score_all(work);
}
template <>
RETMASK_SIMD_CLONES void add_weighted_blocks_portable(const BlockSums<float>& work) {
  add_all(work);
}
template <>
RETMASK_SIMD_CLONES void add_weighted_blocks_portable(const BlockSums<BFloat16>& work) {
  add_all(work);
}

void score_blocks(const BlockScores<float>& work) {
  if (tiles_for<float>(work.head_dim) == Tiles::avx512) return avx512::score_blocks(work);
  score_blocks_portable(work);
}
void score_blocks(const BlockScores<BFloat16>& work) {
  switch (tiles_for<BFloat16>(work.head_dim)) {
    case Tiles::amx:
      return amx::score_blocks(work);
    case Tiles::avx512:
      return avx512::score_blocks(work);
    case Tiles::portable:
      return score_blocks_portable(work);
  }
}

void add_weighted_blocks(const BlockSums<float>& work) {
  if (tiles_for<float>(work.head_dim) == Tiles::avx512) return avx512::add_weighted_blocks(work);
  add_weighted_blocks_portable(work);
}
void add_weighted_blocks(const BlockSums<BFloat16>& work) {
  switch (tiles_for<BFloat16>(work.head_dim)) {
    case Tiles::amx:
      return amx::add_weighted_blocks(work);
    case Tiles::avx512:
      return avx512::add_weighted_blocks(work);
    case Tiles::portable:
      return add_weighted_blocks_portable(work);
  }
}

}  // namespace retmask::kernels
