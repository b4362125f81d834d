#pragma once
// CPU kernels for rows: multi-threaded, without gradients.

#include <torch/types.h>

#include <algorithm>

#include "parameters.h"
#include "rope.h"

namespace retmask {

// Rows of `width` elements that justify another thread.
inline int64_t rows_per_thread(int64_t width) {
  constexpr int64_t kGrainElements = 8192;
  return std::max<int64_t>(1, kGrainElements / width);
}

// x [T, width] -> the same shape.
torch::Tensor cpu_rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

// [T, 2 * width], gate and then up -> silu(gate) * up: [T, width]
torch::Tensor cpu_silu_multiply(const torch::Tensor& gate_up);

// In place: normalises heads [T, n, D] (rows may be strided) as `kind` says (with none, `norm` is
// empty) and rotates them.
void cpu_rotate_heads(const torch::Tensor& heads,
                      const RmsNorm& norm,
                      QkNorm kind,
                      const Rotation& rotation);

}  // namespace retmask
