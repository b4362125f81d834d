#pragma once
// Attention of one new token over a paged KV cache, on the CPU and on the calling thread.
//
// Shapes: G query heads that share one key/value head, D head_dim, Hkv key/value heads, P tokens
// per block.

#include <cstdint>
#include <vector>

#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels {

// The cache of one layer for one sequence: token i is in block blocks[i / P], row i % P.
template <typename Element>
struct PagedKeyValues {
  const Element* keys = nullptr;    // [blocks, Hkv, P, D]
  const Element* values = nullptr;  // the same
  int64_t num_key_value_heads = 0;
  int64_t block_size = 0;
  int64_t head_dim = 0;
  const int32_t* blocks = nullptr;  // this sequence's block table
  int64_t first = 0;                // visible tokens: [first, end)
  int64_t end = 0;
};

template <typename Element>
struct GroupQuery {
  const Element* q = nullptr;  // [G, D]
  int64_t group = 0;
  int64_t key_value_head = 0;
  const Element* gate = nullptr;  // [G] or null: a head whose gate is 0 is not computed
  Element* out = nullptr;         // [G, D]
  int64_t* largest_key =
      nullptr;  // [G] or null: the token with the largest weight (the first of equals)
};

// out = gate * softmax(q k^T / sqrt(D)) v. Every key row is read once for the whole group.
// `scratch` is resized as needed and can be reused.
void attend(const PagedKeyValues<float>& cache,
            const GroupQuery<float>& query,
            std::vector<float>& scratch);
void attend(const PagedKeyValues<BFloat16>& cache,
            const GroupQuery<BFloat16>& query,
            std::vector<float>& scratch);

}  // namespace retmask::kernels
