#include "avx512.h"
#include "float_product.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

namespace retmask::kernels::avx512 {
namespace {

constexpr int64_t kRows = 4;     // rows of c in registers
constexpr int64_t kVectors = 4;  // registers per row
constexpr int64_t kColumns = kVectors * kLanes;

// Keeps Rows x (Vectors * kLanes) elements of c in registers; `mask` selects the elements of the
// last vector.
template <int64_t Rows, int64_t Vectors>
RETMASK_AVX512 void multiply_tile(const FloatProduct& p, int64_t m, int64_t n, __mmask16 mask) {
  const float* a = p.a + m * p.a_row;
  const float* b = p.b + n;
  float* c = p.c + m * p.c_row + n;
  __m512 sums[Rows][Vectors];
  for (int64_t r = 0; r < Rows; ++r)
    for (int64_t v = 0; v < Vectors; ++v) sums[r][v] = _mm512_setzero_ps();
  for (int64_t k = 0; k < p.k; ++k, a += p.a_column, b += p.b_row) {
    __m512 row[Vectors];
    for (int64_t v = 0; v + 1 < Vectors; ++v) row[v] = _mm512_loadu_ps(b + v * kLanes);
    row[Vectors - 1] = _mm512_maskz_loadu_ps(mask, b + (Vectors - 1) * kLanes);
    for (int64_t r = 0; r < Rows; ++r) {
      const __m512 factor = _mm512_set1_ps(a[r * p.a_row]);
      for (int64_t v = 0; v < Vectors; ++v)
        sums[r][v] = _mm512_fmadd_ps(factor, row[v], sums[r][v]);
    }
  }
  for (int64_t r = 0; r < Rows; ++r) {
    for (int64_t v = 0; v < Vectors; ++v) {
      float* to = c + r * p.c_row + v * kLanes;
      const auto lanes = static_cast<__mmask16>(v + 1 < Vectors ? 0xffff : mask);
      const __m512 before = p.add ? _mm512_maskz_loadu_ps(lanes, to) : _mm512_setzero_ps();
      _mm512_mask_storeu_ps(to, lanes, _mm512_add_ps(before, sums[r][v]));
    }
  }
}

template <int64_t Vectors>
void multiply_columns(const FloatProduct& p, int64_t n, __mmask16 mask) {
  int64_t m = 0;
  for (; m + kRows <= p.m; m += kRows) multiply_tile<kRows, Vectors>(p, m, n, mask);
  for (; m < p.m; ++m) multiply_tile<1, Vectors>(p, m, n, mask);
}

}  // namespace

void multiply(const FloatProduct& p) {
  for (int64_t n = 0; n < p.n; n += kColumns) {
    const int64_t columns = std::min(kColumns, p.n - n);
    const int64_t vectors = (columns + kLanes - 1) / kLanes;
    const auto mask = static_cast<__mmask16>(0xffffU >> (vectors * kLanes - columns));
    switch (vectors) {
      case 1:
        multiply_columns<1>(p, n, mask);
        break;
      case 2:
        multiply_columns<2>(p, n, mask);
        break;
      case 3:
        multiply_columns<3>(p, n, mask);
        break;
      default:
        multiply_columns<kVectors>(p, n, mask);
        break;
    }
  }
}

}  // namespace retmask::kernels::avx512

#else

namespace retmask::kernels::avx512 {

void multiply(const FloatProduct&) {}

}  // namespace retmask::kernels::avx512

#endif
