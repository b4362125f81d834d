#include "attention_weights.h"

#include <algorithm>
#include <cfloat>

#include "avx512.h"
#include "simd.h"

namespace retmask::kernels {
namespace {

template <typename Element>
RETMASK_INLINE float weigh(const ScoreRow& row, float scale, float largest, Element* weights) {
  std::fill_n(weights, row.begin, Element{});
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = row.begin; i < row.end; ++i) {
    const float weight = fast_exp((row.scores[i] - largest) * scale);
    sum += weight;
    narrow(weight, weights[i]);
  }
  std::fill(weights + row.end, weights + row.width, Element{});
  return sum;
}
template <typename Element>
RETMASK_INLINE void differentiate(const GradientTile<Element>& tile) {
  constexpr int64_t pair = kPair<Element>;
  for (int64_t key = 0; key < tile.keys; ++key) {
    const int64_t row = key * kTileQueries;
    Element* block = tile.dscore_blocks + key / pair * kTileQueries * pair + key % pair;
#pragma omp simd
    for (int64_t q = 0; q < kTileQueries; ++q) {
      const bool visible = tile.first[q] <= key && key < tile.end[q];
      const float score = visible ? tile.scores[row + q] * tile.scale - tile.log_sums[q] : -1e9F;
      const float weight = fast_exp(score);
      Element dscore;
      narrow(visible ? weight * (tile.dweights[row + q] - tile.pulls[q]) : 0.0F, dscore);
      narrow(weight, tile.weights[row + q]);
      tile.dscores[row + q] = dscore;
      block[q * pair] = dscore;
    }
  }
}

}  // namespace

RETMASK_SIMD_CLONES float largest_score_portable(const ScoreRow& row) {
  float largest = -FLT_MAX;
#pragma omp simd reduction(max : largest)
  for (int64_t i = row.begin; i < row.end; ++i)
    largest = largest < row.scores[i] ? row.scores[i] : largest;
  return largest;
}

RETMASK_SIMD_CLONES float exp_weights_portable(const ScoreRow& row,
                                               float scale,
                                               float largest,
                                               float* weights) {
  return weigh(row, scale, largest, weights);
}
RETMASK_SIMD_CLONES float exp_weights_portable(const ScoreRow& row,
                                               float scale,
                                               float largest,
                                               BFloat16* weights) {
  return weigh(row, scale, largest, weights);
}

RETMASK_SIMD_CLONES void gradients_of_scores_portable(const GradientTile<float>& tile) {
  differentiate(tile);
}
RETMASK_SIMD_CLONES void gradients_of_scores_portable(const GradientTile<BFloat16>& tile) {
  differentiate(tile);
}

float largest_score(const ScoreRow& row) {
  return has_avx512<float>() ? avx512::largest_score(row) : largest_score_portable(row);
}

float exp_weights(const ScoreRow& row, float scale, float largest, float* weights) {
  return has_avx512<float>() ? avx512::exp_weights(row, scale, largest, weights)
                             : exp_weights_portable(row, scale, largest, weights);
}
float exp_weights(const ScoreRow& row, float scale, float largest, BFloat16* weights) {
  return has_avx512<BFloat16>() ? avx512::exp_weights(row, scale, largest, weights)
                                : exp_weights_portable(row, scale, largest, weights);
}

void gradients_of_scores(const GradientTile<float>& tile) {
  if (has_avx512<float>()) return avx512::gradients_of_scores(tile);
  gradients_of_scores_portable(tile);
}
void gradients_of_scores(const GradientTile<BFloat16>& tile) {
  if (has_avx512<BFloat16>()) return avx512::gradients_of_scores(tile);
  gradients_of_scores_portable(tile);
}

}  // namespace retmask::kernels
