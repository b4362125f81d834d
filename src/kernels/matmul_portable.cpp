#include "matmul_portable.h"

#include <algorithm>

#include "simd.h"

namespace retmask::kernels {
namespace {

// Steps of k that all rows multiply before the next ones: their weights, 6 KiB of bfloat16 or 12
// KiB of float32, stay in the L1 cache meanwhile.
constexpr int64_t kBlockSteps = 64;
// So few rows multiply a block about as fast as memory delivers it, so their first tile prefetches
// the next one. A single row computes so little that the processor reads ahead by itself.
constexpr bool prefetches(int64_t rows) { return rows >= 2 && rows <= 32; }
// A tile is some rows by a part of a panel: 12 of the 16 registers of AVX2 hold its sums, the
// others weights that all rows use. float32: 4 rows by half a panel. bfloat16: 6 rows by a third,
// since widened weights take more registers and are worth sharing among more rows. One or two rows
// alone take the whole panel, for as many independent sums.
template <typename Element>
inline constexpr int64_t kTileRows = sizeof(Element) == 2 ? 6 : 4;
constexpr int64_t tile_vectors(int64_t rows) {
  constexpr int64_t kPanelVectors = kPanelWidth / kVectorWidth;
  return rows <= 2 ? kPanelVectors : (rows <= 4 ? kPanelVectors / 2 : kPanelVectors / 3);
}

// Steps [first, first + count) of a panel's product.
struct Block {
  int64_t panel = 0;
  int64_t first = 0;
  int64_t count = 0;
};

// Adds a block's products to `Rows` rows of sums [kPanelWidth], whose inputs begin at `x`.
template <int64_t Rows, typename Element, typename Out>
RETMASK_INLINE void add_tile(const Matmul<Element, Out>& m,
                             const Block& block,
                             const FloatRows& x,
                             float* sums,
                             bool prefetch) {
  constexpr int64_t kVectors = tile_vectors(Rows);
  const Element* weights = m.packed + (block.panel * m.k + block.first) * kPanelWidth;
  for (int64_t begin = 0; begin < kPanelWidth; begin += kVectors * kVectorWidth) {
    const Element* part = weights + begin * kPair<Element>;
    Vector tile[Rows][kVectors];
    load_tile(sums + begin, kPanelWidth, tile);
    add_products(FloatRows{x.data + block.first, x.stride},
                 part,
                 kPanelWidth,
                 block.count,
                 tile,
                 prefetch ? part + block.count * kPanelWidth : nullptr);
    store_tile(tile, sums + begin, kPanelWidth);
  }
}

// The last tile, of fewer rows.
template <int64_t Rows, typename Element, typename Out>
RETMASK_INLINE void add_rest(const Matmul<Element, Out>& m,
                             const Block& block,
                             const FloatRows& x,
                             int64_t rows,
                             float* sums,
                             bool prefetch) {
  if constexpr (Rows > 0) {
    if (rows < Rows) return add_rest<Rows - 1>(m, block, x, rows, sums, prefetch);
    add_tile<Rows>(m, block, x, sums, prefetch);
  }
}

template <typename Element, typename Out>
RETMASK_INLINE void finish_row(const Matmul<Element, Out>& m,
                               int64_t row,
                               int64_t panel,
                               const float* sums) {
  const int64_t column = panel * kPanelWidth;
  const int64_t at = row * m.out_stride + column;
  const int64_t width = std::min(kPanelWidth, m.n - column);
  for (int64_t j = 0; j < width; ++j) {
    float value = sums[j];
    if (m.bias != nullptr) value += widen(m.bias[column + j]);
    if (m.residual != nullptr) value += widen(m.residual[at + j]);
    narrow(value, m.out[at + j]);
  }
}

template <typename Element, typename Out>
RETMASK_INLINE void multiply_portable(const Matmul<Element, Out>& m,
                                      int64_t row_begin,
                                      int64_t row_end,
                                      int64_t panel_begin,
                                      int64_t panel_end) {
  constexpr int64_t kRows = kTileRows<Element>;
  const int64_t rows = row_end - row_begin;
  const FloatRows x = float_rows(m.x + row_begin * m.x_stride, m.x_stride, rows, m.k);
  thread_local std::vector<float> sums;
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    sums.assign(static_cast<size_t>(rows * kPanelWidth), 0.0F);
    for (int64_t first = 0; first < m.k; first += kBlockSteps) {
      const Block block{panel, first, std::min(kBlockSteps, m.k - first)};
      int64_t row = 0;
      bool prefetch = prefetches(rows);
      for (; row + kRows <= rows; row += kRows) {
        add_tile<kRows>(m, block, x.from(row), sums.data() + row * kPanelWidth, prefetch);
        prefetch = false;
      }
      add_rest<kRows - 1>(
          m, block, x.from(row), rows - row, sums.data() + row * kPanelWidth, prefetch);
    }
    for (int64_t row = 0; row < rows; ++row)
      finish_row(m, row_begin + row, panel, sums.data() + row * kPanelWidth);
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
