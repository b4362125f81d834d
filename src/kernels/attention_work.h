#pragma once
// Work item of the inner attention loops: one block of the cache.

#include <cstdint>

namespace retmask::kernels {

template <typename Element>
struct AttentionWork {
  const Element* q = nullptr;  // [heads, D]: the heads that are on
  float* weights = nullptr;    // [heads, count]: first scores, then softmax weights
  float* sums = nullptr;       // [heads, D]
  int64_t heads = 0;
  int64_t count = 0;  // visible tokens
  int64_t head_dim = 0;
  float scale = 0;  // 1 / sqrt(D)
};

}  // namespace retmask::kernels
