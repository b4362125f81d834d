#include <gtest/gtest.h>

#include <cmath>

#include "objective.h"

namespace retmask::train {
namespace {

// Values and gradients in double by hand: f(d) and df/dd of one pair.
double sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

struct Pair {
  PairRatios ratios;
  torch::Tensor chosen;
  torch::Tensor rejected;
};

Pair make_pair(double chosen, double rejected) {
  Pair pair;
  pair.chosen = torch::tensor({chosen}, torch::kFloat64).requires_grad_();
  pair.rejected = torch::tensor({rejected}, torch::kFloat64).requires_grad_();
  const auto zero = torch::zeros({1}, torch::kFloat64);
  pair.ratios = log_ratios({pair.chosen, pair.rejected}, {zero + 1, zero + 2});
  return pair;
}

TEST(Loss, DpoIsMinusLogSigmoidOfTheRewardMargin) {
  const Pair pair = make_pair(/*chosen=*/4.0, /*rejected=*/-1.5);  // ratios 3 and -3.5
  const torch::Tensor losses = dpo_losses(pair.ratios, /*beta=*/0.2, /*label_smoothing=*/0);
  EXPECT_NEAR(losses[0].item<double>(), -std::log(sigmoid(0.2 * 6.5)), 1e-12);
  losses.sum().backward();
  EXPECT_NEAR(pair.chosen.grad()[0].item<double>(), -0.2 * sigmoid(-0.2 * 6.5), 1e-12);
  EXPECT_NEAR(pair.rejected.grad()[0].item<double>(), 0.2 * sigmoid(-0.2 * 6.5), 1e-12);
}

TEST(Loss, DpoOfEqualPoliciesIsLn2) {
  const torch::Tensor logprobs = torch::tensor({-300.0f, -20.5f});
  const PairRatios ratios = log_ratios({logprobs, logprobs - 3}, {logprobs, logprobs - 3});
  const torch::Tensor losses = dpo_losses(ratios, 0.1, 0);
  EXPECT_FLOAT_EQ(losses[0].item<float>(), std::log(2.0f));
  EXPECT_FLOAT_EQ(losses[1].item<float>(), std::log(2.0f));
}

TEST(Loss, LabelSmoothingMixesInTheSwappedPair) {
  const Pair pair = make_pair(4.0, -1.5);
  const double margin = 0.2 * 6.5;
  EXPECT_NEAR(dpo_losses(pair.ratios, 0.2, /*label_smoothing=*/0.3)[0].item<double>(),
              -0.7 * std::log(sigmoid(margin)) - 0.3 * std::log(sigmoid(-margin)),
              1e-12);
}

AnswerLengths make_lengths(double chosen, double rejected) {
  return {torch::tensor({chosen}, torch::kFloat64), torch::tensor({rejected}, torch::kFloat64)};
}

TEST(Loss, IpoComparesAveragesPerToken) {
  const Pair pair = make_pair(4.0, -1.5);
  const torch::Tensor losses =
      ipo_losses(per_token(pair.ratios, make_lengths(2, 7)), /*beta=*/0.25);
  const double difference = 3.0 / 2 + 3.5 / 7;
  EXPECT_NEAR(losses[0].item<double>(), std::pow(difference - 2.0, 2), 1e-12);
}

TEST(Loss, LengthNormalizedDpoComparesAveragesPerToken) {
  const Pair pair = make_pair(4.0, -1.5);
  const double margin = 0.2 * (3.0 / 2 + 3.5 / 7);
  const PairRatios averages = per_token(pair.ratios, make_lengths(2, 7));
  const torch::Tensor losses = dpo_losses(averages, /*beta=*/0.2, /*label_smoothing=*/0.3);
  EXPECT_NEAR(losses[0].item<double>(),
              -0.7 * std::log(sigmoid(margin)) - 0.3 * std::log(sigmoid(-margin)),
              1e-12);
}

}  // namespace
}  // namespace retmask::train
