#include "attention_weights.h"

#include <algorithm>
#include <cfloat>

#include "avx512.h"
#include "simd.h"

namespace retmask::kernels {
namespace {

template <typename Element>
RETMASK_INLINE float weigh(const ScoreRow& row, float scale, float largest, Element* weights) {
  // Local, or the compiler would load them again in each step and not vectorise.
  const float* scores = row.scores;
  const int64_t end = row.end;
  std::fill_n(weights, row.begin, Element{});
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = row.begin; i < end; ++i) {
    const float weight = fast_exp((scores[i] - largest) * scale);
    sum += weight;
    narrow(weight, weights[i]);
  }
  std::fill(weights + end, weights + row.width, Element{});
  return sum;
}

template <typename Element>
RETMASK_INLINE void differentiate(const GradientTile<Element>& tile) {
  constexpr int64_t pair = kPair<Element>;
  const float scale = tile.scale;
  for (int64_t key = 0; key < tile.keys; ++key) {
    const float* scores = tile.scores + key * kTileQueries;
    const float* dweights = tile.dweights + key * kTileQueries;
    float weights[kTileQueries];
    float dscores[kTileQueries];
#pragma omp simd
    for (int64_t q = 0; q < kTileQueries; ++q) {
      const bool visible = (tile.first[q] <= key) & (key < tile.end[q]);
      const float score = scores[q] * scale - tile.log_sums[q];
      const float weight = fast_exp(visible ? score : -1e9F);
      const float dscore = weight * (dweights[q] - tile.pulls[q]);
      weights[q] = weight;
      dscores[q] = visible ? dscore : 0.0F;  // a hidden gradient may be infinite
    }
    Element* block = tile.dscore_blocks + key / pair * kTileQueries * pair + key % pair;
    for (int64_t q = 0; q < kTileQueries; ++q) {
      narrow(weights[q], tile.weights[key * kTileQueries + q]);
      Element dscore;
      narrow(dscores[q], dscore);
      tile.dscores[key * kTileQueries + q] = dscore;
      block[q * pair] = dscore;
    }
  }
}

}  // namespace

RETMASK_SIMD_CLONES float largest_score_portable(const ScoreRow& row) {
  const float* scores = row.scores;
  const int64_t end = row.end;
  float largest = -FLT_MAX;
#pragma omp simd reduction(max : largest)
  for (int64_t i = row.begin; i < end; ++i) largest = largest < scores[i] ? scores[i] : largest;
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
