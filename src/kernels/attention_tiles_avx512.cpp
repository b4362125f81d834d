#include "attention_tiles.h"
#include "avx512.h"

#if defined(__x86_64__)
#include <algorithm>
#include <type_traits>
#include <vector>

#include "avx512_steps.h"

namespace retmask::kernels::avx512 {
namespace {

constexpr int64_t kCacheLine = 64;
static_assert(kBlockTokens == kLanes);

// Eight rows by two blocks of sums fill 16 of the 32 registers; one row more would not pay for
// itself in loads saved.
constexpr int64_t kScoreRows = 8;
constexpr int64_t kScoreBlocks = 2;

// `rows` are those of the work, or the same widened.
template <int64_t Rows, int64_t Blocks, bool Prefetch, typename X, typename Element>
RETMASK_AVX512 void score_tile(const BlockScores<Element>& work,
                               const X* rows,
                               int64_t row,
                               int64_t block) {
  constexpr int64_t pair = kPair<Element>;
  const X* x = rows + row * work.head_dim;
  const Element* const* keys = work.blocks + block;
  __m512 sums[Rows][Blocks];
  for (auto& row_sums : sums)
    for (__m512& sum : row_sums) sum = _mm512_setzero_ps();
  for (int64_t d = 0; d < work.head_dim; d += pair) {
    for (int64_t b = 0; b < Blocks; ++b) {
      // A step reads one cache line of each block.
      if constexpr (Prefetch) _mm_prefetch(work.next[block + b] + d * kBlockTokens, _MM_HINT_T0);
      for (int64_t r = 0; r < Rows; ++r)
        sums[r][b] =
            multiply_add(sums[r][b], x + r * work.head_dim + d, keys[b] + d * kBlockTokens);
    }
  }
  for (int64_t r = 0; r < Rows; ++r)
    for (int64_t b = 0; b < Blocks; ++b)
      _mm512_storeu_ps(work.scores + (row + r) * work.stride + (block + b) * kBlockTokens,
                       sums[r][b]);
}

template <int64_t Rows, typename X, typename Element>
void score_rows(const BlockScores<Element>& work, const X* rows, int64_t row) {
  // The first rows prefetch for all.
  const bool prefetch = row == 0 && work.next != nullptr;
  int64_t block = 0;
  for (; block + kScoreBlocks <= work.num_blocks; block += kScoreBlocks) {
    if (prefetch)
      score_tile<Rows, kScoreBlocks, true>(work, rows, row, block);
    else
      score_tile<Rows, kScoreBlocks, false>(work, rows, row, block);
  }
  if (block == work.num_blocks) return;
  if (prefetch)
    score_tile<Rows, 1, true>(work, rows, row, block);
  else
    score_tile<Rows, 1, false>(work, rows, row, block);
}

// Six rows by a slice of four vectors of sums, and the vectors of values.
constexpr int64_t kSumRows = 6;
constexpr int64_t kSliceVectors = 4;

// `weights` are those of the work, or the same widened, rows `stride` apart.
template <typename X>
struct Weights {
  const X* data;
  int64_t stride;
};

template <int64_t Rows, int64_t Vectors, typename X, typename Element>
RETMASK_AVX512 void add_slice(const BlockSums<Element>& work,
                              const Weights<X>& all_weights,
                              int64_t row,
                              int64_t slice) {
  constexpr int64_t pair = kPair<Element>;
  float* out = work.sums + row * work.head_dim + slice;
  const bool prefetch = row == 0 && work.next != nullptr;
  __m512 sums[Rows][Vectors];
  for (int64_t r = 0; r < Rows; ++r)
    for (int64_t v = 0; v < Vectors; ++v)
      sums[r][v] = _mm512_loadu_ps(out + r * work.head_dim + v * kLanes);
  for (int64_t first = 0, block = 0; first < work.num_tokens; first += kBlockTokens, ++block) {
    const Element* values = work.blocks[block] + slice * pair;
    const X* weights = all_weights.data + row * all_weights.stride + first;
    const Element* next =
        prefetch && block < work.num_next ? work.next[block] + slice * pair : nullptr;
    const int64_t tokens = std::min(kBlockTokens, work.num_tokens - first);
    for (int64_t t = 0; t < tokens; t += pair, values += work.head_dim * pair) {
      if (next != nullptr) {
        for (int64_t v = 0; v < Vectors; ++v)
          _mm_prefetch(next + t * work.head_dim + v * kLanes * pair, _MM_HINT_T0);
      }
      for (int64_t v = 0; v < Vectors; ++v)
        for (int64_t r = 0; r < Rows; ++r)
          sums[r][v] = multiply_add(
              sums[r][v], weights + r * all_weights.stride + t, values + v * kLanes * pair);
    }
  }
  for (int64_t r = 0; r < Rows; ++r)
    for (int64_t v = 0; v < Vectors; ++v)
      _mm512_storeu_ps(out + r * work.head_dim + v * kLanes, sums[r][v]);
}

template <int64_t Rows, typename X, typename Element>
void add_rows(const BlockSums<Element>& work, const Weights<X>& weights, int64_t row) {
  constexpr int64_t kWide = kSliceVectors * kLanes;
  int64_t slice = 0;
  for (; slice + kWide <= work.head_dim; slice += kWide)
    add_slice<Rows, kSliceVectors>(work, weights, row, slice);
  for (; slice < work.head_dim; slice += kLanes) add_slice<Rows, 1>(work, weights, row, slice);
}

// Calls `run` with the number of rows, 1 .. Most, as a template argument.
template <int64_t Most, typename Run>
void with_rows(int64_t rows, const Run& run) {
  if constexpr (Most > 0) {
    if (rows == Most)
      run(std::integral_constant<int64_t, Most>());
    else
      with_rows<Most - 1>(rows, run);
  }
}

template <typename X, typename Element>
void score_with(const BlockScores<Element>& work, const X* rows) {
  for (int64_t row = 0; row < work.num_rows; row += kScoreRows) {
    with_rows<kScoreRows>(std::min(kScoreRows, work.num_rows - row),
                          [&](auto count) { score_rows<count()>(work, rows, row); });
  }
}

template <typename X, typename Element>
void add_with(const BlockSums<Element>& work, const Weights<X>& weights) {
  for (int64_t row = 0; row < work.num_rows; row += kSumRows) {
    with_rows<kSumRows>(std::min(kSumRows, work.num_rows - row),
                        [&](auto count) { add_rows<count()>(work, weights, row); });
  }
}

// Rows of `width` elements, `stride` apart, widened into a buffer of the thread without gaps.
const float* widened(const BFloat16* rows, int64_t stride, int64_t num_rows, int64_t width) {
  thread_local std::vector<float> buffer;
  buffer.resize(static_cast<size_t>(num_rows * width));
  for (int64_t row = 0; row < num_rows; ++row)
    widen_row(rows + row * stride, width, buffer.data() + row * width);
  return buffer.data();
}

}  // namespace

template <typename Element>
void score_blocks(const BlockScores<Element>& work) {
  if constexpr (sizeof(Element) == 2) {
    if (prefers_float32())
      return score_with(work, widened(work.rows, work.head_dim, work.num_rows, work.head_dim));
  }
  score_with(work, work.rows);
}

template <typename Element>
void add_weighted_blocks(const BlockSums<Element>& work) {
  if constexpr (sizeof(Element) == 2) {
    if (prefers_float32()) {
      const int64_t width = (work.num_tokens + 1) / 2 * 2;
      const float* weights = widened(work.weights, work.stride, work.num_rows, width);
      return add_with(work, Weights<float>{weights, width});
    }
  }
  add_with(work, Weights<Element>{work.weights, work.stride});
}

}  // namespace retmask::kernels::avx512

#else

namespace retmask::kernels::avx512 {

template <typename Element>
void score_blocks(const BlockScores<Element>&) {}
template <typename Element>
void add_weighted_blocks(const BlockSums<Element>&) {}

}  // namespace retmask::kernels::avx512

#endif

namespace retmask::kernels::avx512 {

template void score_blocks(const BlockScores<float>&);
template void score_blocks(const BlockScores<BFloat16>&);
template void add_weighted_blocks(const BlockSums<float>&);
template void add_weighted_blocks(const BlockSums<BFloat16>&);

}  // namespace retmask::kernels::avx512
