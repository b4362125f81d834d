#include "matmul_avx512.h"

#include "avx512.h"
#include "avx512_steps.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <vector>

namespace retmask::kernels::avx512 {
namespace {

constexpr int64_t kVectors = kPanelWidth / kLanes;
// 8 rows x 3 vectors of sums, 3 of weights and 1 broadcast fill 28 of the 32 registers.
constexpr int64_t kRows = 8;

// Bytes of the next panel that a block of rows prefetches while it computes, so that reading and
// multiplying weights overlap: one cache line per vector every `stride` steps.
struct Ahead {
  const char* next = nullptr;
  int64_t stride = 1;
};

// The inputs of a product: those of the Matmul, or widened.
template <typename X>
struct Inputs {
  const X* rows;  // of the row 0 of the product
  int64_t stride;
};

// Computes `Rows` rows of one panel.
template <int64_t Rows, typename X, typename Element, typename Out>
RETMASK_AVX512 void multiply_panel(const Matmul<Element, Out>& m,
                                   const Inputs<X>& inputs,
                                   int64_t row,
                                   int64_t panel,
                                   Ahead ahead) {
  constexpr int64_t kStep = sizeof(Element) == 2 ? 2 : 1;
  constexpr int64_t kCacheLine = 64;
  const Element* weights = m.packed + panel * kPanelWidth * m.k;
  const X* x = inputs.rows + row * inputs.stride;
  int64_t until_ahead = ahead.next == nullptr ? m.k : 0;
  __m512 sums[Rows][kVectors];
  for (auto& row_sums : sums)
    for (__m512& sum : row_sums) sum = _mm512_setzero_ps();

  for (int64_t i = 0; i < m.k; i += kStep, weights += kPanelWidth * kStep) {
    if (until_ahead-- == 0) {
      for (int64_t v = 0; v < kVectors; ++v, ahead.next += kCacheLine)
        _mm_prefetch(ahead.next, _MM_HINT_T1);
      until_ahead = ahead.stride - 1;
    }
    for (int64_t r = 0; r < Rows; ++r) {
      for (int64_t v = 0; v < kVectors; ++v) {
        sums[r][v] =
            multiply_add(sums[r][v], x + r * inputs.stride + i, weights + v * kLanes * kStep);
      }
    }
  }

  for (int64_t r = 0; r < Rows; ++r) {
    for (int64_t v = 0; v < kVectors; ++v)
      finish(m, row + r, panel * kPanelWidth + v * kLanes, sums[r][v]);
  }
}

// The remaining rows, fewer than kRows.
template <int64_t Rows, typename X, typename Element, typename Out>
void multiply_rest(const Matmul<Element, Out>& m,
                   const Inputs<X>& inputs,
                   int64_t row,
                   int64_t rows,
                   int64_t panel,
                   Ahead ahead) {
  if constexpr (Rows > 0) {
    if (rows == Rows)
      multiply_panel<Rows>(m, inputs, row, panel, ahead);
    else
      multiply_rest<Rows - 1>(m, inputs, row, rows, panel, ahead);
  }
}

template <typename X, typename Element, typename Out>
void run_with(const Matmul<Element, Out>& matmul,
              const Inputs<X>& inputs,
              int64_t row_begin,
              int64_t row_end,
              int64_t panel_begin,
              int64_t panel_end) {
  const int64_t num_blocks = (row_end - row_begin + kRows - 1) / kRows;
  const int64_t panel_bytes = kPanelWidth * matmul.k * static_cast<int64_t>(sizeof(Element));
  for (int64_t panel = panel_begin; panel < panel_end; ++panel) {
    Ahead ahead{.next = nullptr, .stride = num_blocks};
    const auto part = [&](int64_t block) {
      if (panel + 1 == panel_end) return ahead;
      ahead.next = reinterpret_cast<const char*>(matmul.packed) + (panel + 1) * panel_bytes +
                   block * (panel_bytes / num_blocks);
      return ahead;
    };
    int64_t row = row_begin;
    int64_t block = 0;
    for (; row + kRows <= row_end; row += kRows)
      multiply_panel<kRows>(matmul, inputs, row, panel, part(block++));
    multiply_rest<kRows - 1>(matmul, inputs, row, row_end - row, panel, part(block));
  }
}

}  // namespace

template <typename Element, typename Out>
void run(const Matmul<Element, Out>& matmul,
         int64_t row_begin,
         int64_t row_end,
         int64_t panel_begin,
         int64_t panel_end) {
  if constexpr (sizeof(Element) == 2) {
    if (prefers_float32()) {
      thread_local std::vector<float> widened;
      widened.resize(static_cast<size_t>((row_end - row_begin) * matmul.k));
      for (int64_t row = row_begin; row < row_end; ++row)
        widen_row(matmul.x + row * matmul.x_stride,
                  matmul.k,
                  widened.data() + (row - row_begin) * matmul.k);
      const Inputs<float> inputs{widened.data() - row_begin * matmul.k, matmul.k};
      run_with(matmul, inputs, row_begin, row_end, panel_begin, panel_end);
      return;
    }
  }
  const Inputs<Element> inputs{matmul.x, matmul.x_stride};
  run_with(matmul, inputs, row_begin, row_end, panel_begin, panel_end);
}

}  // namespace retmask::kernels::avx512

#else

namespace retmask::kernels::avx512 {

template <typename Element, typename Out>
void run(const Matmul<Element, Out>&, int64_t, int64_t, int64_t, int64_t) {}

}  // namespace retmask::kernels::avx512

#endif

namespace retmask::kernels::avx512 {

template void run(const Matmul<float, float>&, int64_t, int64_t, int64_t, int64_t);
template void run(const Matmul<BFloat16, BFloat16>&, int64_t, int64_t, int64_t, int64_t);
template void run(const Matmul<BFloat16, float>&, int64_t, int64_t, int64_t, int64_t);

}  // namespace retmask::kernels::avx512
