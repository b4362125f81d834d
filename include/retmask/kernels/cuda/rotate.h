#pragma once
// Rotary positions of query and key heads, on a GPU. All pointers are device memory; launch errors
// are left for cudaGetLastError().

#include <cstdint>

#include "retmask/kernels/bfloat16.h"
#include "retmask/kernels/cuda/decode_attention.h"
#include "retmask/kernels/cuda/stream.h"

namespace retmask::kernels::cuda {

inline constexpr int64_t kMaxHeadDim = 256;

// Prepares the heads of T tokens (H, Hkv, D as in decode_attention.h): q and k are normalised per
// head if weights are given (Qwen3), rounded, and rotated; q is changed in place, k and v are
// written to the cache. One pass over the projections.
template <typename Element>
struct RotateAndStore {
  // Token s is the newest of sequence s, unless `slot_blocks` is given. No keys: nothing is stored.
  PagedCache<Element> cache = {};
  // [T]: the cache block of each token and its row there, for prompts.
  const int64_t* slot_blocks = nullptr;
  const int64_t* slot_rows = nullptr;
  Element* q = nullptr;        // [T, H, D]; q, k and v each have their own stride
  Element* k = nullptr;        // [T, Hkv, D]
  const Element* v = nullptr;  // [T, Hkv, D]
  int64_t q_stride = 0;
  int64_t k_stride = 0;
  int64_t v_stride = 0;
  bool rotate_k_in_place = false;  // too
  int64_t tokens = 0;
  int64_t heads = 0;
  int64_t key_value_heads = 0;
  int64_t head_dim = 0;             // even, at most kMaxHeadDim
  const Element* q_norm = nullptr;  // [D] or null
  const Element* k_norm = nullptr;  // [D] or null
  float eps = 0;
  const float* cos = nullptr;  // [T, D / 2]; pairs are (i, i + D / 2)
  const float* sin = nullptr;
};

void rotate_and_store(const RotateAndStore<float>& work, Stream stream);
void rotate_and_store(const RotateAndStore<BFloat16>& work, Stream stream);

// x [T, heads, D], tokens `stride` elements apart -> y [T, heads, D]. With -sin it is the backward
// pass.
template <typename Element>
struct Rotate {
  const Element* x = nullptr;
  int64_t stride = 0;
  int64_t tokens = 0;
  int64_t heads = 0;
  int64_t head_dim = 0;        // even, at most kMaxHeadDim
  const float* cos = nullptr;  // [T, D / 2]
  const float* sin = nullptr;
  Element* y = nullptr;
};

void rotate(const Rotate<float>& work, Stream stream);
void rotate(const Rotate<BFloat16>& work, Stream stream);

}  // namespace retmask::kernels::cuda
