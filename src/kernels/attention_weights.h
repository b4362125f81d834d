#pragma once
// The elementwise part of attention between its products (attention_tiles.h): scores to softmax
// weights, and to the gradients of scores. The bits of a row do not depend on other rows.

#include <cstdint>

#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels {

// The scores of one query with adjacent keys, of which [begin, end) are visible.
struct ScoreRow {
  const float* scores = nullptr;  // [width]
  int64_t begin = 0;
  int64_t end = 0;
  int64_t width = 0;  // a multiple of 16
};

// The largest visible score; -FLT_MAX if there is none.
float largest_score(const ScoreRow& row);

// weights = exp(scale * (score - largest)) of the visible scores, zeros for the others of [0,
// width). Returns the sum before rounding.
float exp_weights(const ScoreRow& row, float scale, float largest, float* weights);
float exp_weights(const ScoreRow& row, float scale, float largest, BFloat16* weights);

// Queries of one gradient tile.
inline constexpr int64_t kTileQueries = 32;

// The scores of a tile of queries with adjacent keys, keys first: [keys, kTileQueries]. Key k is
// visible to query q if first[q] <= k < end[q].
template <typename Element>
struct GradientTile {
  int64_t keys = 0;               // even
  const float* scores = nullptr;  // [keys, kTileQueries]
  const float* dweights = nullptr;
  float scale = 0;
  float log_sums[kTileQueries];  // of exp(scale * score)
  float pulls[kTileQueries];     // sum over keys of weight * dweight
  int32_t first[kTileQueries];
  int32_t end[kTileQueries];
  Element* weights = nullptr;  // [keys, kTileQueries]: exp(scale * score - log_sum)
  Element* dscores = nullptr;  // the same shape: weight * (dweight - pull)
  // dscores as blocks of values: [keys / pair][kTileQueries][pair].
  Element* dscore_blocks = nullptr;
};
void gradients_of_scores(const GradientTile<float>& tile);
void gradients_of_scores(const GradientTile<BFloat16>& tile);

// The implementations: for any processor, and with has_avx512<Element>().
float largest_score_portable(const ScoreRow& row);
float exp_weights_portable(const ScoreRow& row, float scale, float largest, float* weights);
float exp_weights_portable(const ScoreRow& row, float scale, float largest, BFloat16* weights);
void gradients_of_scores_portable(const GradientTile<float>& tile);
void gradients_of_scores_portable(const GradientTile<BFloat16>& tile);
namespace avx512 {
float largest_score(const ScoreRow& row);
template <typename Element>
float exp_weights(const ScoreRow& row, float scale, float largest, Element* weights);
template <typename Element>
void gradients_of_scores(const GradientTile<Element>& tile);
}  // namespace avx512

}  // namespace retmask::kernels
