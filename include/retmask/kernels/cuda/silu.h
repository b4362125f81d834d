#pragma once
// SwiGLU (Shazeer 2020) between matrix products, on a GPU. All pointers are device memory; launch
// errors are left for cudaGetLastError(). Computed in float32 and rounded once.

#include <cstdint>

#include "retmask/kernels/bfloat16.h"
#include "retmask/kernels/cuda/stream.h"
#include "retmask/kernels/row_gradients.h"

namespace retmask::kernels::cuda {

// out [rows, width] = silu(gate) * up; rows of gate and up are `stride` elements apart. Three
// passes over memory instead of five for silu and a product.
template <typename Element>
struct SiluMultiply {
  const Element* gate = nullptr;
  const Element* up = nullptr;
  int64_t stride = 0;
  int64_t rows = 0;
  int64_t width = 0;
  Element* out = nullptr;
};

void silu_multiply(const SiluMultiply<float>& work, Stream stream);
void silu_multiply(const SiluMultiply<BFloat16>& work, Stream stream);

// Of `count` elements. Five passes over memory instead of eleven.
void silu_multiply_backward(const SiluMultiplyGradient<float>& gradient,
                            int64_t count,
                            Stream stream);
void silu_multiply_backward(const SiluMultiplyGradient<BFloat16>& gradient,
                            int64_t count,
                            Stream stream);

}  // namespace retmask::kernels::cuda
