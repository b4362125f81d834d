#pragma once
// Matrix products for inference on the CPU. Weights are packed once; activations are used as they
// are.
//
// A decoding step multiplies few rows with every weight of the model, so it is bound by the time to
// read the weights once; plain row-major weights would be reordered at every call. The summation
// order of an output depends only on the processor and k, so the result of a row does not depend on
// the rest of the batch.

#include <cstdint>

#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels {

// Outputs per panel: three AVX-512 registers of float32.
inline constexpr int64_t kPanelWidth = 48;

constexpr int64_t num_panels(int64_t n) { return (n + kPanelWidth - 1) / kPanelWidth; }

// Size of a packed [n, k] matrix: n is padded to whole panels, k to a multiple of 2.
constexpr int64_t packed_size(int64_t n, int64_t k) {
  return num_panels(n) * kPanelWidth * ((k + 1) / 2 * 2);
}

// Packs rows [row_begin, row_begin + rows) of a matrix of n rows from row-major w [rows, k].
// Layout: [panel][k / 2][kPanelWidth][2] for bfloat16 (the pairs that one instruction multiplies),
// [panel][k][kPanelWidth] for float32. `packed` must be zero-initialised.
void pack_rows(const float* w, int64_t row_begin, int64_t rows, int64_t k, float* packed);
void pack_rows(const BFloat16* w, int64_t row_begin, int64_t rows, int64_t k, BFloat16* packed);

// Unpacks one row: out [k].
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
  const Element* packed = nullptr;    // the layout of pack_rows
  const Element* bias = nullptr;      // [n] or null
  const Element* residual = nullptr;  // [rows, n] with `out_stride`, or null
  Out* out = nullptr;                 // [rows, n], rows `out_stride` elements apart
  int64_t out_stride = 0;
};

// Whether this processor multiplies bfloat16 faster than float32: with AMX, or with AVX512_BF16
// except on Intel's processors.
bool multiplies_bfloat16();

// Computes rows [row_begin, row_end) and panels [panel_begin, panel_end) of the product on the
// calling thread. Threads split a product by ranges. k must be even.
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
