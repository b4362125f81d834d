#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>

#include "attention_weights.h"
#include "avx512.h"
#include "random_values.h"

namespace retmask::kernels {
namespace {

using testing::Guarded;
using testing::random_values;

// Relative error of an element: exponents of up to 40 are rounded, too.
template <typename Element>
constexpr double kRounding = sizeof(Element) == 2 ? 4e-3 : 6e-6;

template <typename Element>
struct Implementation {
  float (*largest)(const ScoreRow&);
  float (*weights)(const ScoreRow&, float, float, Element*);
  void (*gradients)(const GradientTile<Element>&);
};

Guarded<float> random_scores(int64_t count, const std::string& name) {
  Guarded<float> scores = random_values<float>(count, name);
  for (float& score : scores) score *= 100;
  return scores;
}

template <typename Element>
void expect_weights(const Implementation<Element>& implementation) {
  constexpr float kScale = 0.125F;
  for (const int64_t width : {16, 48, 128}) {
    for (int64_t begin = 0; begin < width; begin += 7) {
      for (int64_t end = begin; end <= width; end += 5) {
        SCOPED_TRACE(::testing::Message() << begin << " .. " << end << " of " << width);
        Guarded<float> scores = random_scores(width, "scores");
        // Hidden scores may be anything.
        std::fill_n(scores.begin(), begin, NAN);
        std::fill(scores.begin() + end, scores.end(), NAN);
        const ScoreRow row{.scores = scores.data(), .begin = begin, .end = end, .width = width};
        float largest = -FLT_MAX;
        for (int64_t i = begin; i < end; ++i) largest = std::max(largest, scores[i]);
        ASSERT_EQ(implementation.largest(row), largest);
        if (begin == end) largest = 1;
        Guarded<Element> weights(static_cast<size_t>(width), Element{});
        const float sum = implementation.weights(row, kScale, largest, weights.data());
        double expected_sum = 0;
        for (int64_t i = 0; i < width; ++i) {
          const bool visible = begin <= i && i < end;
          const double expected =
              visible ? std::exp(static_cast<double>(kScale) * (scores[i] - largest)) : 0;
          ASSERT_NEAR(widen(weights[i]), expected, kRounding<Element> * expected) << i;
          expected_sum += expected;
        }
        ASSERT_NEAR(sum, expected_sum, 4e-6 * expected_sum);
      }
    }
  }
}

template <typename Element>
void expect_gradients(const Implementation<Element>& implementation) {
  constexpr int64_t kKeys = 48, kSize = kKeys * kTileQueries;
  constexpr int64_t pair = kPair<Element>;
  const Guarded<float> scores = random_scores(kSize, "scores");
  const Guarded<float> dweights = random_values<float>(kSize, "dweights");
  Guarded<Element> weights(kSize), dscores(kSize), blocks(kSize);
  GradientTile<Element> tile{.keys = kKeys,
                             .scores = scores.data(),
                             .dweights = dweights.data(),
                             .scale = 0.125F,
                             .log_sums = {},
                             .pulls = {},
                             .first = {},
                             .end = {},
                             .weights = weights.data(),
                             .dscores = dscores.data(),
                             .dscore_blocks = blocks.data()};
  for (int32_t q = 0; q < kTileQueries; ++q) {
    tile.log_sums[q] = 9.0F + 0.1F * static_cast<float>(q);
    tile.pulls[q] = 0.01F * static_cast<float>(q);
    tile.first[q] = q - 10;
    tile.end[q] = q == 5 ? 0 : q + 8;
  }
  implementation.gradients(tile);
  for (int64_t key = 0; key < kKeys; ++key) {
    for (int64_t q = 0; q < kTileQueries; ++q) {
      const int64_t at = key * kTileQueries + q;
      const bool visible = tile.first[q] <= key && key < tile.end[q];
      const double weight =
          visible ? std::exp(static_cast<double>(tile.scale) * scores[at] - tile.log_sums[q]) : 0;
      ASSERT_NEAR(widen(weights[at]), weight, 2 * kRounding<Element> * weight) << key << ", " << q;
      const double dscore = weight * (static_cast<double>(dweights[at]) - tile.pulls[q]);
      ASSERT_NEAR(widen(dscores[at]), dscore, 2 * kRounding<Element> * (weight + std::abs(dscore)));
      ASSERT_EQ(widen(blocks[(key / pair * kTileQueries + q) * pair + key % pair]),
                widen(dscores[at]));
    }
  }
}

template <typename Element>
void expect_all(const Implementation<Element>& implementation) {
  expect_weights(implementation);
  expect_gradients(implementation);
}

TEST(AttentionWeights, Portable) {
  expect_all<float>({largest_score_portable, exp_weights_portable, gradients_of_scores_portable});
  expect_all<BFloat16>(
      {largest_score_portable, exp_weights_portable, gradients_of_scores_portable});
}

TEST(AttentionWeights, Avx512) {
  if (!has_avx512<float>()) GTEST_SKIP() << "no AVX-512";
  expect_all<float>(
      {avx512::largest_score, avx512::exp_weights<float>, avx512::gradients_of_scores<float>});
  if (!has_avx512<BFloat16>()) GTEST_SKIP() << "no AVX512_BF16";
  expect_all<BFloat16>({avx512::largest_score,
                        avx512::exp_weights<BFloat16>,
                        avx512::gradients_of_scores<BFloat16>});
}

}  // namespace
}  // namespace retmask::kernels
