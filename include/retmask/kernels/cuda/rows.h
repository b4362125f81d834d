#pragma once
// What happens to each row of activations between two matrix products, on a GPU. All pointers are
// device memory; a launch error is left for cudaGetLastError().

#include <cstdint>

#include "retmask/kernels/bfloat16.h"
#include "retmask/kernels/cuda/decode_attention.h"
#include "retmask/kernels/cuda/stream.h"

namespace retmask::kernels::cuda {

// The heads of one new token per sequence (S, H, Hkv, D as in decode_attention.h): q and k are
// normalised head by head where weights are given (Qwen3), rounded, and rotated; q is changed in
// place, k and v go to their place in the cache. One pass over the projections instead of five.
template <typename Element>
struct RotateAndStore {
  PagedCache<Element> cache = {};
  Element* q = nullptr;  // [S, H, D]; each of the three with its own distance between sequences
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
  const float* cos = nullptr;  // [S, D / 2]; the halves of a head form the pairs
  const float* sin = nullptr;
};

inline constexpr int64_t kMaxHeadDim = 256;

void rotate_and_store(const RotateAndStore<float>& work, Stream stream);
void rotate_and_store(const RotateAndStore<BFloat16>& work, Stream stream);

// gate_up [rows, 2 * width] holds gate and then up: out [rows, width] = silu(gate) * up (Shazeer
// 2020), computed in float32 and rounded once. Three passes over memory where silu and a product
// take five.
void silu_multiply(const float* gate_up, int64_t rows, int64_t width, float* out, Stream stream);
void silu_multiply(
    const BFloat16* gate_up, int64_t rows, int64_t width, BFloat16* out, Stream stream);

}  // namespace retmask::kernels::cuda
