#pragma once
// Row-wise operations between matrix products, on a GPU. All pointers are device memory; launch
// errors are left for cudaGetLastError().

#include <cstdint>

#include "retmask/kernels/bfloat16.h"
#include "retmask/kernels/cuda/decode_attention.h"
#include "retmask/kernels/cuda/stream.h"

namespace retmask::kernels::cuda {

// Prepares the heads of one new token per sequence (S, H, Hkv, D as in decode_attention.h): q and k
// are normalised per head if weights are given (Qwen3), rounded, and rotated; q is changed in
// place, k and v are written to the cache. One pass over the projections instead of five.
template <typename Element>
struct RotateAndStore {
  PagedCache<Element> cache = {};
  Element* q = nullptr;        // [S, H, D]; q, k and v each have their own stride
  const Element* k = nullptr;  // [S, Hkv, D]
  const Element* v = nullptr;  // [S, Hkv, D]
  int64_t q_stride = 0;
  int64_t k_stride = 0;
  int64_t v_stride = 0;
  int64_t sequences = 0;
  int64_t heads = 0;
  int64_t key_value_heads = 0;
  int64_t head_dim = 0;             // even, at most kMaxHeadDim
  const Element* q_norm = nullptr;  // [D] or null
  const Element* k_norm = nullptr;  // [D] or null
  float eps = 0;
  const float* cos = nullptr;  // [S, D / 2]; pairs are (i, i + D / 2)
  const float* sin = nullptr;
};

inline constexpr int64_t kMaxHeadDim = 256;

void rotate_and_store(const RotateAndStore<float>& work, Stream stream);
void rotate_and_store(const RotateAndStore<BFloat16>& work, Stream stream);

// gate_up [rows, 2 * width] is gate followed by up: out [rows, width] = silu(gate) * up (Shazeer
// 2020), computed in float32 and rounded once. Three passes over memory instead of five for silu
// and a product.
void silu_multiply(const float* gate_up, int64_t rows, int64_t width, float* out, Stream stream);
void silu_multiply(
    const BFloat16* gate_up, int64_t rows, int64_t width, BFloat16* out, Stream stream);

}  // namespace retmask::kernels::cuda
