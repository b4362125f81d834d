#pragma once
// What the products on AVX-512 share: a step of the inner loop, and the end with bias, residual and
// rounding.

#include "avx512.h"
#include "retmask/kernels/matmul.h"

#if defined(__x86_64__)
#include <immintrin.h>

#include <algorithm>

namespace retmask::kernels::avx512 {

// sum += x * weights, x in all lanes. One step along k is a pair of bfloat16 or one float32.
RETMASK_AVX512_INLINE __m512 multiply_add(__m512 sum, const float* x, const float* weights) {
  return _mm512_fmadd_ps(_mm512_set1_ps(*x), _mm512_loadu_ps(weights), sum);
}
RETMASK_AVX512_INLINE __m512 multiply_add(__m512 sum, const BFloat16* x, const BFloat16* weights) {
  int pair = 0;
  __builtin_memcpy(&pair, x, sizeof pair);
  return _mm512_dpbf16_ps(
      sum, (__m512bh)_mm512_set1_epi32(pair), (__m512bh)_mm512_loadu_si512(weights));
}

// The same with x already widened: two steps of float32.
RETMASK_AVX512_INLINE __m512 multiply_add(__m512 sum, const float* x, const BFloat16* weights) {
  const __m512i pairs = _mm512_loadu_si512(weights);
  const __m512 first = _mm512_castsi512_ps(_mm512_slli_epi32(pairs, 16));
  const __m512 second =
      _mm512_castsi512_ps(_mm512_and_si512(pairs, _mm512_set1_epi32(static_cast<int>(0xffff0000))));
  sum = _mm512_fmadd_ps(_mm512_set1_ps(x[0]), first, sum);
  return _mm512_fmadd_ps(_mm512_set1_ps(x[1]), second, sum);
}

RETMASK_AVX512_INLINE __m512 load(const float* from, __mmask16 mask) {
  return _mm512_maskz_loadu_ps(mask, from);
}
RETMASK_AVX512_INLINE __m512 load(const BFloat16* from, __mmask16 mask) {
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from)), 16));
}
RETMASK_AVX512_INLINE void store(float* to, __m512 value, __mmask16 mask) {
  _mm512_mask_storeu_ps(to, mask, value);
}
RETMASK_AVX512_INLINE void store(BFloat16* to, __m512 value, __mmask16 mask) {
  _mm256_mask_storeu_epi16(to, mask, (__m256i)_mm512_cvtneps_pbh(value));
}

inline RETMASK_AVX512 void widen_row(const BFloat16* from, int64_t count, float* to) {
  for (int64_t i = 0; i < count; i += kLanes) {
    const auto mask = static_cast<__mmask16>((1U << std::min(kLanes, count - i)) - 1U);
    store(to + i, load(from + i, mask), mask);
  }
}

// Adds bias and residual to up to kLanes outputs of one row from `column` on, and converts them.
template <typename Element, typename Out>
RETMASK_AVX512_INLINE void finish(const Matmul<Element, Out>& m,
                                  int64_t row,
                                  int64_t column,
                                  __m512 sum) {
  const int64_t left = std::clamp<int64_t>(m.n - column, 0, kLanes);
  const auto mask = static_cast<__mmask16>((1U << left) - 1U);
  if (mask == 0) return;
  const int64_t at = row * m.out_stride + column;
  if (m.bias != nullptr) sum = _mm512_add_ps(sum, load(m.bias + column, mask));
  if (m.residual != nullptr) sum = _mm512_add_ps(sum, load(m.residual + at, mask));
  store(m.out + at, sum, mask);
}

}  // namespace retmask::kernels::avx512

#endif
