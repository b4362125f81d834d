#include "matmul_portable.h"

#include <algorithm>

#include "simd.h"

namespace retmask::kernels {
namespace {

// A tile is some rows by a part of a panel: 12 of the 16 registers of AVX2 hold its sums, the
// others weights that all rows use. float32: 4 rows by half a panel. bfloat16: 6 rows by a third,
// since widened weights take more registers and are worth sharing among more rows. One or two rows
// alone take the whole panel, for as many independent sums.
template <typename Element>
inline constexpr int64_t kTileRows = sizeof(Element) == 2 ? 6 : 4;
template <typename Element>
constexpr int64_t tile_vectors(int64_t rows) {
  constexpr int64_t kPanelVectors = kPanelWidth / kVectorWidth;
  return rows <= 2 ? kPanelVectors : kPanelVectors / (sizeof(Element) == 2 ? 3 : 2);
}

template <typename Element, typename Out>
RETMASK_INLINE void finish_row(
    const Matmul<Element, Out>& m, int64_t row, int64_t column, const float* sums, int64_t width) {
  const int64_t at = row * m.out_stride + column;
  for (int64_t j = 0; j < width; ++j) {
    float value = sums[j];
    if (m.bias != nullptr) value += widen(m.bias[column + j]);
    if (m.residual != nullptr) value += widen(m.residual[at + j]);
    narrow(value, m.out[at + j]);
  }
}

// Computes `Rows` rows, whose inputs begin at `x`, of a part of a panel that begins at its column
// `begin`.
template <int64_t Rows, typename Element, typename Out>
RETMASK_INLINE void multiply_tile(
    const Matmul<Element, Out>& m, const FloatRows& x, int64_t row, int64_t panel, int64_t begin) {
  constexpr int64_t pair = kPair<Element>;
  constexpr int64_t kVectors = tile_vectors<Element>(Rows);
  const Element* weights = m.packed + panel * kPanelWidth * m.k + begin * pair;
  Vector sums[Rows][kVectors] = {};
  add_products(x, weights, kPanelWidth, m.k, sums);
  const int64_t column = panel * kPanelWidth + begin;
  const int64_t width = std::min(kVectors * kVectorWidth, m.n - column);
  for (int64_t r = 0; r < Rows; ++r) {
    float row_sums[kVectors * kVectorWidth];
    for (int64_t v = 0; v < kVectors; ++v) store_vector(sums[r][v], row_sums + v * kVectorWidth);
    finish_row(m, row + r, column, row_sums, width);
  }
}

// The remaining rows, fewer than kTileRows.
template <int64_t Rows, typename Element, typename Out>
RETMASK_INLINE void multiply_rest(
    const Matmul<Element, Out>& m, const FloatRows& x, int64_t row, int64_t rows, int64_t panel) {
  if constexpr (Rows > 0) {
    if (rows < Rows) return multiply_rest<Rows - 1>(m, x, row, rows, panel);
    for (int64_t begin = 0; begin < kPanelWidth;
         begin += tile_vectors<Element>(Rows) * kVectorWidth)
      multiply_tile<Rows>(m, x, row, panel, begin);
  }
}

template <typename Element, typename Out>
RETMASK_INLINE void multiply_portable(const Matmul<Element, Out>& m,
                                      int64_t row_begin,
                                      int64_t row_end,
                                      int64_t panel_begin,
                                      int64_t panel_end) {
  const FloatRows x =
      float_rows(m.x + row_begin * m.x_stride, m.x_stride, row_end - row_begin, m.k);
  constexpr int64_t kRows = kTileRows<Element>;
  const int64_t last_tile = row_begin + (row_end - row_begin) / kRows * kRows;
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    // Rows inside, so that this part of the weights stays in the cache.
    for (int64_t begin = 0; begin < kPanelWidth;
         begin += tile_vectors<Element>(kRows) * kVectorWidth) {
      for (int64_t row = row_begin; row < last_tile; row += kRows)
        multiply_tile<kRows>(m, x.from(row - row_begin), row, panel, begin);
    }
    multiply_rest<kRows - 1>(
        m, x.from(last_tile - row_begin), last_tile, row_end - last_tile, panel);
  }
}

}  // namespace

RETMASK_SIMD_CLONES void run_portable(const Matmul<float, float>& matmul,
                                      int64_t row_begin,
                                      int64_t row_end,
                                      int64_t panel_begin,
                                      int64_t panel_end) {
  multiply_portable(matmul, row_begin, row_end, panel_begin, panel_end);
}
RETMASK_SIMD_CLONES void run_portable(const Matmul<BFloat16, BFloat16>& matmul,
                                      int64_t row_begin,
                                      int64_t row_end,
                                      int64_t panel_begin,
                                      int64_t panel_end) {
  multiply_portable(matmul, row_begin, row_end, panel_begin, panel_end);
}
RETMASK_SIMD_CLONES void run_portable(const Matmul<BFloat16, float>& matmul,
                                      int64_t row_begin,
                                      int64_t row_end,
                                      int64_t panel_begin,
                                      int64_t panel_end) {
  multiply_portable(matmul, row_begin, row_end, panel_begin, panel_end);
}

}  // namespace retmask::kernels
