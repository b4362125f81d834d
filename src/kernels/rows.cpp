#include "retmask/kernels/rows.h"

#include <cmath>

#include "simd.h"

namespace retmask::kernels {
namespace {

template <typename Element>
RETMASK_INLINE void rms_norm_rows(const Element* x,
                                  int64_t x_stride,
                                  const Element* weight,
                                  int64_t rows,
                                  int64_t width,
                                  float eps,
                                  Element* out,
                                  int64_t out_stride) {
  for (int64_t row = 0; row < rows; ++row, x += x_stride, out += out_stride) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < width; ++i) sum += widen(x[i]) * widen(x[i]);
    const float scale = 1.0F / std::sqrt(sum / static_cast<float>(width) + eps);
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) narrow(widen(x[i]) * scale * widen(weight[i]), out[i]);
  }
}

template <typename Element>
RETMASK_INLINE void silu_multiply_elements(const Element* gate,
                                           const Element* up,
                                           int64_t count,
                                           Element* y) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float value = widen(gate[i]);
    narrow(value / (1.0F + fast_exp(-value)) * widen(up[i]), y[i]);
  }
}

template <typename Element>
RETMASK_INLINE void silu_multiply_rows(const Element* gate_up,
                                       int64_t rows,
                                       int64_t width,
                                       Element* out) {
  for (int64_t row = 0; row < rows; ++row, gate_up += 2 * width, out += width) {
    silu_multiply_elements(gate_up, gate_up + width, width, out);
  }
}

template <typename Element>
RETMASK_INLINE void rotate_heads(const Element* x,
                                 int64_t heads,
                                 int64_t head_dim,
                                 const float* cos,
                                 const float* sin,
                                 Element* out,
                                 int64_t out_stride) {
  const int64_t half = head_dim / 2;
  for (int64_t head = 0; head < heads; ++head, x += head_dim, out += out_stride) {
#pragma omp simd
    for (int64_t i = 0; i < half; ++i) {
      const float first = widen(x[i]);
      const float second = widen(x[half + i]);
      narrow(first * cos[i] - second * sin[i], out[i]);
      narrow(second * cos[i] + first * sin[i], out[half + i]);
    }
  }
}

}  // namespace

RETMASK_SIMD_CLONES void rms_norm(const float* x,
                                  int64_t x_stride,
                                  const float* weight,
                                  int64_t rows,
                                  int64_t width,
                                  float eps,
                                  float* out,
                                  int64_t out_stride) {
  rms_norm_rows(x, x_stride, weight, rows, width, eps, out, out_stride);
}
RETMASK_SIMD_CLONES void rms_norm(const BFloat16* x,
                                  int64_t x_stride,
                                  const BFloat16* weight,
                                  int64_t rows,
                                  int64_t width,
                                  float eps,
                                  BFloat16* out,
                                  int64_t out_stride) {
  rms_norm_rows(x, x_stride, weight, rows, width, eps, out, out_stride);
}

RETMASK_SIMD_CLONES void silu_multiply(const float* gate,
                                       const float* up,
                                       int64_t count,
                                       float* y) {
  silu_multiply_elements(gate, up, count, y);
}
RETMASK_SIMD_CLONES void silu_multiply(const BFloat16* gate,
                                       const BFloat16* up,
                                       int64_t count,
                                       BFloat16* y) {
  silu_multiply_elements(gate, up, count, y);
}
RETMASK_SIMD_CLONES void silu_multiply(const float* gate_up,
                                       int64_t rows,
                                       int64_t width,
                                       float* out) {
  silu_multiply_rows(gate_up, rows, width, out);
}
RETMASK_SIMD_CLONES void silu_multiply(const BFloat16* gate_up,
                                       int64_t rows,
                                       int64_t width,
                                       BFloat16* out) {
  silu_multiply_rows(gate_up, rows, width, out);
}

RETMASK_SIMD_CLONES void rotate(const float* x,
                                int64_t heads,
                                int64_t head_dim,
                                const float* cos,
                                const float* sin,
                                float* out,
                                int64_t out_stride) {
  rotate_heads(x, heads, head_dim, cos, sin, out, out_stride);
}
RETMASK_SIMD_CLONES void rotate(const BFloat16* x,
                                int64_t heads,
                                int64_t head_dim,
                                const float* cos,
                                const float* sin,
                                BFloat16* out,
                                int64_t out_stride) {
  rotate_heads(x, heads, head_dim, cos, sin, out, out_stride);
}

}  // namespace retmask::kernels
