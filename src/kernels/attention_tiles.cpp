#include "attention_tiles.h"

#include <algorithm>

#include "avx512.h"
#include "matmul_amx.h"
#include "simd.h"

namespace retmask::kernels {
namespace {

// 6 rows by two vectors of sums fill 12 of the 16 registers of AVX2; the others hold two vectors of
// keys or values, which all rows use, and the factor of a row.
constexpr int64_t kTileRows = 6;
constexpr int64_t kTileVectors = 2;
constexpr int64_t kTileWidth = kTileVectors * kVectorWidth;
static_assert(kBlockTokens == kTileWidth);

template <int64_t Rows, typename Element>
RETMASK_INLINE void score_rows(const BlockScores<Element>& work,
                               const FloatRows& rows,
                               int64_t row) {
  const bool prefetch = row == 0 && work.next != nullptr;  // the first rows, for all
  for (int64_t b = 0; b < work.num_blocks; ++b) {
    Vector sums[Rows][kTileVectors] = {};
    add_products(
        rows, work.blocks[b], kBlockTokens, work.head_dim, sums, prefetch ? work.next[b] : nullptr);
    store_tile(sums, work.scores + row * work.stride + b * kBlockTokens, work.stride);
  }
}

template <int64_t Rows, int64_t Vectors, typename Element>
RETMASK_INLINE void add_slice(const BlockSums<Element>& work,
                              const FloatRows& weights,
                              int64_t row,
                              int64_t slice) {
  float* out = work.sums + row * work.head_dim + slice;
  Vector sums[Rows][Vectors];
  load_tile(out, work.head_dim, sums);
  const int64_t num_next = row == 0 && work.next != nullptr ? work.num_next : 0;
  for (int64_t first = 0, block = 0; first < work.num_tokens; first += kBlockTokens, ++block) {
    add_products(FloatRows{weights.data + first, weights.stride},
                 work.blocks[block] + slice * kPair<Element>,
                 work.head_dim,
                 std::min(kBlockTokens, work.num_tokens - first),
                 sums,
                 block < num_next ? work.next[block] + slice * kPair<Element> : nullptr);
  }
  store_tile(sums, out, work.head_dim);
}

// One element of head_dim, where less than a vector is left.
template <typename Element>
RETMASK_INLINE void add_element(const BlockSums<Element>& work, int64_t row, int64_t d) {
  constexpr int64_t pair = kPair<Element>;
  float sum = work.sums[row * work.head_dim + d];
  for (int64_t token = 0; token < work.num_tokens; ++token) {
    const Element* values =
        work.blocks[token / kBlockTokens] + token % kBlockTokens / pair * work.head_dim * pair;
    sum += widen(work.weights[row * work.stride + token]) * widen(values[d * pair + token % pair]);
  }
  work.sums[row * work.head_dim + d] = sum;
}

template <int64_t Rows, typename Element>
RETMASK_INLINE void add_rows(const BlockSums<Element>& work,
                             const FloatRows& weights,
                             int64_t row) {
  int64_t slice = 0;
  for (; slice + kTileWidth <= work.head_dim; slice += kTileWidth)
    add_slice<Rows, kTileVectors>(work, weights, row, slice);
  for (; slice + kVectorWidth <= work.head_dim; slice += kVectorWidth)
    add_slice<Rows, 1>(work, weights, row, slice);
  for (; slice < work.head_dim; ++slice)
    for (int64_t r = 0; r < Rows; ++r) add_element(work, row + r, slice);
}

// The last tile, of fewer rows.
template <int64_t Rows, typename Element>
RETMASK_INLINE void score_rest(const BlockScores<Element>& work,
                               const FloatRows& rows,
                               int64_t row) {
  if constexpr (Rows > 0) {
    if (work.num_rows - row == Rows)
      score_rows<Rows>(work, rows, row);
    else
      score_rest<Rows - 1>(work, rows, row);
  }
}
template <typename Element>
RETMASK_INLINE void score_all(const BlockScores<Element>& work) {
  const FloatRows rows = float_rows(work.rows, work.head_dim, work.num_rows, work.head_dim);
  int64_t row = 0;
  for (; row + kTileRows <= work.num_rows; row += kTileRows)
    score_rows<kTileRows>(work, rows.from(row), row);
  score_rest<kTileRows - 1>(work, rows.from(row), row);
}
template <int64_t Rows, typename Element>
RETMASK_INLINE void add_rest(const BlockSums<Element>& work,
                             const FloatRows& weights,
                             int64_t row) {
  if constexpr (Rows > 0) {
    if (work.num_rows - row == Rows)
      add_rows<Rows>(work, weights, row);
    else
      add_rest<Rows - 1>(work, weights, row);
  }
}
template <typename Element>
RETMASK_INLINE void add_all(const BlockSums<Element>& work) {
  constexpr int64_t pair = kPair<Element>;
  const int64_t tokens = (work.num_tokens + pair - 1) / pair * pair;
  const FloatRows weights = float_rows(work.weights, work.stride, work.num_rows, tokens);
  int64_t row = 0;
  for (; row + kTileRows <= work.num_rows; row += kTileRows)
    add_rows<kTileRows>(work, weights.from(row), row);
  add_rest<kTileRows - 1>(work, weights.from(row), row);
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
