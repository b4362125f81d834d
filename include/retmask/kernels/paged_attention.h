#pragma once
// Causal attention of new tokens over a paged KV cache, on the CPU and on the calling thread: one
// token when decoding, many when reading a prompt. The result of a token does not depend, to the
// last bit, on how many others are computed with it.
//
// Shapes: T new tokens, G query heads that share one key/value head, D head_dim, Hkv key/value
// heads, P = kBlockTokens tokens per block.

#include <cstdint>
#include <vector>

#include "retmask/kernels/attention_blocks.h"
#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels {

// The cache of one layer for one sequence: token i is in block blocks[i / P], row i % P.
template <typename Element>
struct PagedKeyValues {
  const Element* keys = nullptr;    // [blocks, Hkv, P * D], a block as store_key fills it
  const Element* values = nullptr;  // [blocks, Hkv, P * D], as store_value and end_values fill it
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;             // even
  const int32_t* blocks = nullptr;  // this sequence's block table
};

// The new tokens, whose keys and values are in the cache. A token at position p sees the `window`
// positions up to and including p.
template <typename Element>
struct GroupQueries {
  const Element* q = nullptr;  // [T, G, D], tokens `q_stride` elements apart
  int64_t q_stride = 0;
  int64_t tokens = 0;
  int64_t position = 0;  // of the first token
  int64_t window = 0;
  int64_t group = 0;
  int64_t key_value_head = 0;
  const Element* gate = nullptr;  // [G] or null: a head whose gate is 0 is not computed
  Element* out = nullptr;         // [T, G, D], tokens `out_stride` elements apart
  int64_t out_stride = 0;
  // [G] or null: the position with the largest weight (the first of equals) for the last token.
  int64_t* largest_key = nullptr;
  // [T, G] or null: log of the sum of exp(q k^T / sqrt(D)) over the visible keys. Not with gates.
  float* log_sums = nullptr;
  int64_t log_sums_stride = 0;
};

// out = gate * softmax(q k^T / sqrt(D)) v, by online softmax (Milakov & Gimelshein 2018) over runs
// of keys at fixed positions. Scores and sums are float32; in bfloat16 the weights are rounded
// before they multiply the values, as in FlashAttention. `scratch` is resized as needed and can be
// reused.
void attend(const PagedKeyValues<float>& cache,
            const GroupQueries<float>& queries,
            std::vector<float>& scratch);
void attend(const PagedKeyValues<BFloat16>& cache,
            const GroupQueries<BFloat16>& queries,
            std::vector<float>& scratch);

}  // namespace retmask::kernels
