#pragma once
// The two products of attention for a few rows and a run of key/value blocks, with every operand in
// the caches of a core. The backward pass consists of the same two. Sums are float32, and the order
// in which a row is summed does not depend on the other rows.
//
// Layouts (`pair` is 2 for bfloat16 and 1 for float32: the elements that one instruction multiplies
// and adds), P = kBlockTokens, D head_dim:
//   keys    [D / pair][P][pair]
//   values  [P / pair][D][pair]

#include <cstdint>

#include "retmask/kernels/attention_blocks.h"
#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels {

// Most blocks per call.
inline constexpr int64_t kMostBlocks = 8;

// scores[r][P * b + t] = sum over d of rows[r][d] * keys[t][d] of block b.
template <typename Element>
struct BlockScores {
  const Element* rows = nullptr;  // [num_rows, D]
  int64_t num_rows = 0;
  int64_t head_dim = 0;  // even
  const Element* const* blocks = nullptr;
  int64_t num_blocks = 0;
  float* scores = nullptr;  // [num_rows, P * num_blocks], rows `stride` apart
  int64_t stride = 0;
  // num_blocks blocks of the same size to prefetch meanwhile, or null. Blocks are scattered, so the
  // hardware does not foresee them.
  const Element* const* next = nullptr;
};
void score_blocks(const BlockScores<float>& work);
void score_blocks(const BlockScores<BFloat16>& work);

// sums[r][d] += sum over t of weights[r][t] * values[t][d], t counted over all blocks.
template <typename Element>
struct BlockSums {
  // [num_rows, num_tokens], rows `stride` apart, and zeros up to a whole block.
  const Element* weights = nullptr;
  int64_t stride = 0;
  int64_t num_rows = 0;
  int64_t head_dim = 0;  // even
  const Element* const* blocks = nullptr;
  // The last block may be filled in part, in whole pairs.
  int64_t num_tokens = 0;
  float* sums = nullptr;  // [num_rows, D]
  // Blocks to prefetch meanwhile, as above.
  const Element* const* next = nullptr;
  int64_t num_next = 0;
};
void add_weighted_blocks(const BlockSums<float>& work);
void add_weighted_blocks(const BlockSums<BFloat16>& work);

// The implementations. The choice depends only on the processor, the type and D.
template <typename Element>
void score_blocks_portable(const BlockScores<Element>& work);
template <typename Element>
void add_weighted_blocks_portable(const BlockSums<Element>& work);
namespace avx512 {
inline constexpr int64_t kHeadDimMultiple = 16;
template <typename Element>
void score_blocks(const BlockScores<Element>& work);
template <typename Element>
void add_weighted_blocks(const BlockSums<Element>& work);
}  // namespace avx512
namespace amx {
inline constexpr int64_t kHeadDimMultiple = 32;
inline constexpr int64_t kMostHeadDim = 256;
void score_blocks(const BlockScores<BFloat16>& work);
void add_weighted_blocks(const BlockSums<BFloat16>& work);
}  // namespace amx

}  // namespace retmask::kernels
