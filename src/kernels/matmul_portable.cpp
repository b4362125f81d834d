#include "matmul_portable.h"

#include <algorithm>

#include "simd.h"

namespace retmask::kernels {
namespace {

template <typename Element, typename Out>
RETMASK_INLINE void multiply_portable(const Matmul<Element, Out>& m,
                                      int64_t row_begin,
                                      int64_t row_end,
                                      int64_t panel_begin,
                                      int64_t panel_end) {
  constexpr int64_t kWide = kPair<Element>;
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    const int64_t first = panel * kPanelWidth;
    const int64_t width = std::min(kPanelWidth, m.n - first);
    const Element* weights = m.packed + panel * kPanelWidth * m.k;
    for (int64_t row = row_begin; row < row_end; ++row) {
      const Element* x = m.x + row * m.x_stride;
      float sums[kPanelWidth] = {};
      for (int64_t i = 0; i < m.k; ++i) {
        const float value = widen(x[i]);
        const Element* w = weights + i / kWide * kPanelWidth * kWide + i % kWide;
#pragma omp simd
        for (int64_t j = 0; j < kPanelWidth; ++j) sums[j] += value * widen(w[j * kWide]);
      }
      const int64_t at = row * m.out_stride + first;
      for (int64_t j = 0; j < width; ++j) {
        float value = sums[j];
        if (m.bias != nullptr) value += widen(m.bias[first + j]);
        if (m.residual != nullptr) value += widen(m.residual[at + j]);
        narrow(value, m.out[at + j]);
      }
    }
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
