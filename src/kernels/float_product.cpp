#include "float_product.h"

#include <algorithm>

#include "avx512.h"
#include "simd.h"

namespace retmask::kernels {

RETMASK_SIMD_CLONES void multiply_portable(const FloatProduct& p) {
  for (int64_t m = 0; m < p.m; ++m) {
    float* c = p.c + m * p.c_row;
    if (!p.add) std::fill_n(c, p.n, 0.0F);
    for (int64_t k = 0; k < p.k; ++k) {
      const float a = p.a[m * p.a_row + k * p.a_column];
      const float* b = p.b + k * p.b_row;
#pragma omp simd
      for (int64_t n = 0; n < p.n; ++n) c[n] += a * b[n];
    }
  }
}

void multiply(const FloatProduct& product) {
  if (has_avx512<float>())
    avx512::multiply(product);
  else
    multiply_portable(product);
}

}  // namespace retmask::kernels
