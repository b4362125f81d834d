#pragma once
// Row-wise operations between matrix products, on the CPU and on the calling thread. Sums are
// float32, in the same order for every row; the result is rounded once.

#include <cstdint>

#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels {

// RMSNorm: out = x / sqrt(mean(x^2) + eps) * weight for each of `rows` rows of `width` elements
// (Zhang & Sennrich 2019). out may alias x.
void rms_norm(const float* x,
              int64_t x_stride,
              const float* weight,
              int64_t rows,
              int64_t width,
              float eps,
              float* out,
              int64_t out_stride);
void rms_norm(const BFloat16* x,
              int64_t x_stride,
              const BFloat16* weight,
              int64_t rows,
              int64_t width,
              float eps,
              BFloat16* out,
              int64_t out_stride);

// y = silu(gate) * up, elementwise (Shazeer 2020).
void silu_multiply(const float* gate, const float* up, int64_t count, float* y);
void silu_multiply(const BFloat16* gate, const BFloat16* up, int64_t count, BFloat16* y);

// gate_up [rows, 2 * width] is gate followed by up: out [rows, width] = silu(gate) * up.
void silu_multiply(const float* gate_up, int64_t rows, int64_t width, float* out);
void silu_multiply(const BFloat16* gate_up, int64_t rows, int64_t width, BFloat16* out);

// Rotary embedding of one token's heads: rotates x [heads, head_dim] by cos, sin [head_dim / 2]
// into out, whose heads are `out_stride` elements apart. Pairs are (i, i + head_dim / 2). out may
// alias x.
void rotate(const float* x,
            int64_t heads,
            int64_t head_dim,
            const float* cos,
            const float* sin,
            float* out,
            int64_t out_stride);
void rotate(const BFloat16* x,
            int64_t heads,
            int64_t head_dim,
            const float* cos,
            const float* sin,
            BFloat16* out,
            int64_t out_stride);

}  // namespace retmask::kernels
