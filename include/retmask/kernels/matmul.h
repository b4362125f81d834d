#pragma once
// Matrix products for inference on the CPU: weights are packed once, activations come as they are.
//
// A step of generation multiplies few rows with every weight of the model, so its limit is the time
// to read the weights once; a plain row-major weight would be reordered at every call. The order in
// which an output is summed follows from the processor and k, whatever else is in the batch: a
// row's result does not depend on the number of rows.

#include <cstdint>

#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels {

// Outputs that are computed together: three AVX-512 registers of float32.
inline constexpr int64_t kPanelWidth = 48;

constexpr int64_t num_panels(int64_t n) { return (n + kPanelWidth - 1) / kPanelWidth; }

// Elements of a packed [n, k] matrix: n is padded to whole panels, k to a multiple of 2.
constexpr int64_t packed_size(int64_t n, int64_t k) {
  return num_panels(n) * kPanelWidth * ((k + 1) / 2 * 2);
}

// Packs rows [row_begin, row_begin + rows) of a matrix that will hold n rows in all, from row-major
// w [rows, k]. Layout: [panel][k / 2][kPanelWidth][2] for bfloat16 (the pairs that one instruction
// multiplies), [panel][k][kPanelWidth] for float32. `packed` starts out as zeros.
void pack_rows(const float* w, int64_t row_begin, int64_t rows, int64_t k, float* packed);
void pack_rows(const BFloat16* w, int64_t row_begin, int64_t rows, int64_t k, BFloat16* packed);

// The reverse of one row: out [k].
void unpack_row(const float* packed, int64_t row, int64_t k, float* out);
void unpack_row(const BFloat16* packed, int64_t row, int64_t k, BFloat16* out);

// out[i][j] = (bias[j] +) (residual[i][j] +) sum over k of x[i][k] w[j][k], summed in float32.
template <typename Element, typename Out>
struct Matmul {
  const Element* x = nullptr;  // [rows, k], rows `x_stride` elements apart
  int64_t x_stride = 0;
  int64_t rows = 0;
  int64_t k = 0;
  int64_t n = 0;
  const Element* packed = nullptr;    // as pack_rows lays it out
  const Element* bias = nullptr;      // [n] or null
  const Element* residual = nullptr;  // [rows, n] with `out_stride`, or null
  Out* out = nullptr;                 // [rows, n], rows `out_stride` elements apart
  int64_t out_stride = 0;
};

// Rows [row_begin, row_end) and panels [panel_begin, panel_end) of the product, on the calling
// thread. Threads share a product by taking different ranges. k is even.
void run_matmul(const Matmul<float, float>& matmul,
                int64_t row_begin,
                int64_t row_end,
                int64_t panel_begin,
                int64_t panel_end);
void run_matmul(const Matmul<BFloat16, BFloat16>& matmul,
                int64_t row_begin,
                int64_t row_end,
                int64_t panel_begin,
                int64_t panel_end);
void run_matmul(const Matmul<BFloat16, float>& matmul,
                int64_t row_begin,
                int64_t row_end,
                int64_t panel_begin,
                int64_t panel_end);

}  // namespace retmask::kernels
