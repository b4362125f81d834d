#include "attention_weights.h"
#include "avx512.h"

#if defined(__x86_64__)
#include <cfloat>

#include "avx512_steps.h"

namespace retmask::kernels::avx512 {
namespace {

constexpr float kLog2E = 1.44269504088896341F;

// 2^x to 2 units in the last place; 0 far below, as a weight should be. Method: exp2f of Cephes
// (2^n times a polynomial of the remainder).
RETMASK_AVX512_INLINE __m512 exp2_of(__m512 x) {
  const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m512 r = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(1.535336188319500e-4F);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.339887440266574e-3F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.618437357674640e-3F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.550332471162809e-2F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.402264791363012e-1F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.931472028550421e-1F));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0F));
  return _mm512_scalef_ps(p, n);
}

// The visible lanes among `kLanes` scores from `at` on.
RETMASK_AVX512_INLINE __mmask16 visible_lanes(const ScoreRow& row, int64_t at) {
  const int64_t begin = std::clamp<int64_t>(row.begin - at, 0, kLanes);
  const int64_t end = std::clamp<int64_t>(row.end - at, 0, kLanes);
  return static_cast<__mmask16>(((1U << end) - 1U) & ~((1U << begin) - 1U));
}

constexpr __mmask16 kAll = 0xffff;

// Most rows of a long prompt see all of their scores, and need no masks.
bool sees_all(const ScoreRow& row) { return row.begin == 0 && row.end == row.width; }

// Pairs of adjacent rows, interleaved as a block of values holds them.
RETMASK_AVX512_INLINE void store_block(float* block, __m512 first, __m512 second) {
  _mm512_storeu_ps(block, first);
  _mm512_storeu_ps(block + kTileQueries, second);
}
RETMASK_AVX512_INLINE void store_block(BFloat16* block, __m512 first, __m512 second) {
  const __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(first));
  const __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(second));
  _mm512_storeu_si512(block, _mm512_or_si512(low, _mm512_slli_epi32(high, 16)));
}

template <bool SeesAll>
RETMASK_AVX512 float find_largest(const ScoreRow& row) {
  __m512 largest = _mm512_set1_ps(-FLT_MAX);
  for (int64_t at = row.begin / kLanes * kLanes; at < row.end; at += kLanes) {
    const __m512 scores = _mm512_loadu_ps(row.scores + at);
    const __mmask16 visible = SeesAll ? kAll : visible_lanes(row, at);
    largest = _mm512_mask_max_ps(largest, visible, scores, largest);
  }
  return _mm512_reduce_max_ps(largest);
}

template <bool SeesAll, typename Element>
RETMASK_AVX512 float weigh_row(const ScoreRow& row, float scale, float largest, Element* weights) {
  const __m512 factor = _mm512_set1_ps(scale * kLog2E);
  const __m512 offset = _mm512_set1_ps(largest * scale * kLog2E);
  __m512 sum = _mm512_setzero_ps();
  for (int64_t at = 0; at < row.width; at += kLanes) {
    const __mmask16 visible = SeesAll ? kAll : visible_lanes(row, at);
    const __m512 exponent = _mm512_fmsub_ps(_mm512_loadu_ps(row.scores + at), factor, offset);
    const __m512 weight = _mm512_maskz_mov_ps(visible, exp2_of(exponent));
    sum = _mm512_add_ps(sum, weight);
    store(weights + at, weight, kAll);
  }
  return _mm512_reduce_add_ps(sum);
}

template <typename Element>
RETMASK_AVX512 void differentiate_tile(const GradientTile<Element>& tile) {
  const __m512 factor = _mm512_set1_ps(tile.scale * kLog2E);
  for (int64_t q = 0; q < kTileQueries; q += kLanes) {
    const __m512 log_sum =
        _mm512_mul_ps(_mm512_loadu_ps(tile.log_sums + q), _mm512_set1_ps(kLog2E));
    const __m512 pull = _mm512_loadu_ps(tile.pulls + q);
    const __m512i first = _mm512_loadu_si512(tile.first + q);
    const __m512i end = _mm512_loadu_si512(tile.end + q);
    for (int64_t key = 0; key < tile.keys; key += 2) {
      __m512 dscores[2];
      for (int64_t i = 0; i < 2; ++i) {
        const int64_t at = (key + i) * kTileQueries + q;
        const __m512i position = _mm512_set1_epi32(static_cast<int>(key + i));
        const __mmask16 visible =
            _mm512_mask_cmplt_epi32_mask(_mm512_cmple_epi32_mask(first, position), position, end);
        const __m512 exponent = _mm512_fmsub_ps(_mm512_loadu_ps(tile.scores + at), factor, log_sum);
        const __m512 weight = _mm512_maskz_mov_ps(visible, exp2_of(exponent));
        const __m512 difference = _mm512_sub_ps(_mm512_loadu_ps(tile.dweights + at), pull);
        dscores[i] = _mm512_maskz_mul_ps(visible, weight, difference);
        store(tile.weights + at, weight, kAll);
        store(tile.dscores + at, dscores[i], kAll);
      }
      store_block(
          tile.dscore_blocks + key * kTileQueries + q * kPair<Element>, dscores[0], dscores[1]);
    }
  }
}

}  // namespace

float largest_score(const ScoreRow& row) {
  return sees_all(row) ? find_largest<true>(row) : find_largest<false>(row);
}

template <typename Element>
float exp_weights(const ScoreRow& row, float scale, float largest, Element* weights) {
  return sees_all(row) ? weigh_row<true>(row, scale, largest, weights)
                       : weigh_row<false>(row, scale, largest, weights);
}

template <typename Element>
void gradients_of_scores(const GradientTile<Element>& tile) {
  differentiate_tile(tile);
}

}  // namespace retmask::kernels::avx512

#else

namespace retmask::kernels::avx512 {

float largest_score(const ScoreRow&) { return 0; }
template <typename Element>
float exp_weights(const ScoreRow&, float, float, Element*) {
  return 0;
}
template <typename Element>
void gradients_of_scores(const GradientTile<Element>&) {}

}  // namespace retmask::kernels::avx512

#endif

namespace retmask::kernels::avx512 {

template float exp_weights(const ScoreRow&, float, float, float*);
template float exp_weights(const ScoreRow&, float, float, BFloat16*);
template void gradients_of_scores(const GradientTile<float>&);
template void gradients_of_scores(const GradientTile<BFloat16>&);

}  // namespace retmask::kernels::avx512
