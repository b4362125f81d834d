#include "paged_attention_avx512.h"

#include "avx512.h"

#if defined(__x86_64__)
#include <immintrin.h>

namespace retmask::kernels::avx512 {
namespace {

constexpr int64_t kSlice = 64;  // of head_dim
constexpr int64_t kVectors = kSlice / kLanes;

// 64 products, summed lane by lane.
RETMASK_AVX512_INLINE __m512 multiply_add(__m512 sum, const float* a, const float* b) {
  for (int64_t v = 0; v < kVectors; ++v) {
    sum = _mm512_fmadd_ps(_mm512_loadu_ps(a + v * kLanes), _mm512_loadu_ps(b + v * kLanes), sum);
  }
  return sum;
}
RETMASK_AVX512_INLINE __m512 multiply_add(__m512 sum, const BFloat16* a, const BFloat16* b) {
  for (int64_t v = 0; v < kVectors / 2; ++v) {
    sum = _mm512_dpbf16_ps(sum,
                           (__m512bh)_mm512_loadu_si512(a + v * 2 * kLanes),
                           (__m512bh)_mm512_loadu_si512(b + v * 2 * kLanes));
  }
  return sum;
}

RETMASK_AVX512_INLINE __m512 load(const float* from) { return _mm512_loadu_ps(from); }
RETMASK_AVX512_INLINE __m512 load(const BFloat16* from) {
  return _mm512_castsi512_ps(_mm512_slli_epi32(
      _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from))), 16));
}

// Sums the lanes of 16 vectors, each into its own lane: pairs of vectors are interleaved and added,
// which halves their number four times.
RETMASK_AVX512_INLINE __m512 sum_lanes(__m512* v) {
  for (int i = 0; i < 8; ++i) {
    v[i] = _mm512_add_ps(_mm512_unpacklo_ps(v[i], v[i + 8]), _mm512_unpackhi_ps(v[i], v[i + 8]));
  }
  for (int i = 0; i < 4; ++i) {
    const __m512d a = _mm512_castps_pd(v[i]);
    const __m512d b = _mm512_castps_pd(v[i + 4]);
    v[i] = _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(a, b)),
                         _mm512_castpd_ps(_mm512_unpackhi_pd(a, b)));
  }
  // Each 128-bit lane of v[i] now holds, in order, parts of vectors i, i + 8, i + 4, i + 12.
  for (int i = 0; i < 2; ++i) {
    v[i] = _mm512_add_ps(_mm512_shuffle_f32x4(v[i], v[i + 2], 0x88),
                         _mm512_shuffle_f32x4(v[i], v[i + 2], 0xdd));
  }
  const __m512 sums =
      _mm512_add_ps(_mm512_shuffle_f32x4(v[0], v[1], 0x88), _mm512_shuffle_f32x4(v[0], v[1], 0xdd));
  const __m512i order = _mm512_setr_epi32(0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15);
  return _mm512_permutexvar_ps(order, sums);
}

// The partial sums of `Heads` heads over one slice of head_dim stay in registers for all rows.
template <int64_t Heads, typename Element>
RETMASK_AVX512 void add_slice(const Element* values,
                              int64_t rows,
                              const AttentionWork<Element>& work,
                              int64_t position,
                              int64_t head,
                              int64_t slice) {
  float* sums = work.sums + head * work.head_dim + slice;
  const float* weights = work.weights + head * work.count + position;
  __m512 acc[Heads][kVectors];
  for (int64_t h = 0; h < Heads; ++h)
    for (int64_t v = 0; v < kVectors; ++v)
      acc[h][v] = _mm512_loadu_ps(sums + h * work.head_dim + v * kLanes);
  for (int64_t row = 0; row < rows; ++row) {
    const Element* value = values + row * work.head_dim + slice;
    __m512 wide[kVectors];
    for (int64_t v = 0; v < kVectors; ++v) wide[v] = load(value + v * kLanes);
    for (int64_t h = 0; h < Heads; ++h) {
      const __m512 weight = _mm512_set1_ps(weights[h * work.count + row]);
      for (int64_t v = 0; v < kVectors; ++v)
        acc[h][v] = _mm512_fmadd_ps(weight, wide[v], acc[h][v]);
    }
  }
  for (int64_t h = 0; h < Heads; ++h)
    for (int64_t v = 0; v < kVectors; ++v)
      _mm512_storeu_ps(sums + h * work.head_dim + v * kLanes, acc[h][v]);
}

template <typename Element>
RETMASK_AVX512 void score_heads(const Element* keys,
                                int64_t rows,
                                const AttentionWork<Element>& work,
                                int64_t position) {
  const auto mask = static_cast<__mmask16>((1U << rows) - 1U);
  for (int64_t head = 0; head < work.heads; ++head) {
    const Element* q = work.q + head * work.head_dim;
    __m512 products[kLanes];
    for (int64_t row = 0; row < kLanes; ++row) {
      // In a partly filled block the first key stands in for the missing ones.
      const Element* key = keys + (row < rows ? row : 0) * work.head_dim;
      products[row] = _mm512_setzero_ps();
      for (int64_t slice = 0; slice < work.head_dim; slice += kSlice)
        products[row] = multiply_add(products[row], q + slice, key + slice);
    }
    _mm512_mask_storeu_ps(work.weights + head * work.count + position,
                          mask,
                          _mm512_mul_ps(sum_lanes(products), _mm512_set1_ps(work.scale)));
  }
}

}  // namespace

template <typename Element>
void score_rows(const Element* keys,
                int64_t rows,
                const AttentionWork<Element>& work,
                int64_t position) {
  score_heads(keys, rows, work, position);
}

template <typename Element>
void add_rows(const Element* values,
              int64_t rows,
              const AttentionWork<Element>& work,
              int64_t position) {
  for (int64_t slice = 0; slice < work.head_dim; slice += kSlice) {
    int64_t head = 0;
    for (; head + 4 <= work.heads; head += 4)
      add_slice<4>(values, rows, work, position, head, slice);
    switch (work.heads - head) {
      case 3:
        add_slice<3>(values, rows, work, position, head, slice);
        break;
      case 2:
        add_slice<2>(values, rows, work, position, head, slice);
        break;
      case 1:
        add_slice<1>(values, rows, work, position, head, slice);
        break;
      default:
        break;
    }
  }
}

}  // namespace retmask::kernels::avx512

#else

namespace retmask::kernels::avx512 {

template <typename Element>
void score_rows(const Element*, int64_t, const AttentionWork<Element>&, int64_t) {}
template <typename Element>
void add_rows(const Element*, int64_t, const AttentionWork<Element>&, int64_t) {}

}  // namespace retmask::kernels::avx512

#endif

namespace retmask::kernels::avx512 {

template void score_rows(const float*, int64_t, const AttentionWork<float>&, int64_t);
template void score_rows(const BFloat16*, int64_t, const AttentionWork<BFloat16>&, int64_t);
template void add_rows(const float*, int64_t, const AttentionWork<float>&, int64_t);
template void add_rows(const BFloat16*, int64_t, const AttentionWork<BFloat16>&, int64_t);

}  // namespace retmask::kernels::avx512
