// Loss and rewards of rows with a given distance to the reference.

#include <gtest/gtest.h>

#include <cmath>

#include "objective.h"
#include "retmask/engine/generator.h"
#include "tiny_run.h"
#include "unit/support/golden.h"

namespace retmask::train {
namespace {

using testing::load_tiny;

const RowIndices kRows{0, 1, 2, 3};
// log-ratios of the policy to the reference; chosen wins, loses, and ties twice.
const std::vector<float> kChosen{2.0F, -1.0F, 0.0F, 0.0F};
const std::vector<float> kRejected{-1.5F, 3.0F, 0.0F, 0.0F};

class ObjectiveTest : public ::testing::Test {
 protected:
  // kChosen and kRejected are the distances to the reference.
  RowLosses evaluate(const Options& options) const {
    const torch::NoGradGuard no_grad;
    PairLogprobs reference = answer_logprobs(model_, examples_, kRows);
    reference.chosen -= torch::tensor(kChosen);
    reference.rejected -= torch::tensor(kRejected);
    return Objective(model_, examples_, reference, options).evaluate(kRows);
  }
  double length(size_t row, TokenIds TrainingExample::*answer) const {
    return static_cast<double>((examples_[row].*answer).size());
  }

  const CausalLm model_ = load_tiny("llama");
  const std::vector<TrainingExample> examples_ = golden_examples(LossKind::dpo);
};

TEST_F(ObjectiveTest, ATieIsNoRightPair) {
  const RewardSums rewards = evaluate({.beta = 0.5}).rewards;
  EXPECT_EQ(rewards.right, 1);
  EXPECT_NEAR(rewards.chosen, 0.5 * 1.0, 1e-4);
  EXPECT_NEAR(rewards.rejected, 0.5 * 1.5, 1e-4);
}

double log_sigmoid(double x) { return -std::log1p(std::exp(-x)); }

// TRL's "sigmoid_norm" has no smoothing, so the formula is the reference.
TEST_F(ObjectiveTest, LabelSmoothingAndLengthNormalisationTogether) {
  constexpr double kBeta = 1.5;
  for (const double smoothing : {0.0, 0.3}) {
    for (const bool normalize : {false, true}) {
      SCOPED_TRACE(::testing::Message() << smoothing << (normalize ? " per token" : ""));
      const torch::Tensor losses =
          evaluate({.beta = kBeta, .label_smoothing = smoothing, .length_normalize = normalize})
              .losses;
      for (size_t row = 0; row < kRows.size(); ++row) {
        const double chosen = normalize ? length(row, &TrainingExample::chosen) : 1.0;
        const double rejected = normalize ? length(row, &TrainingExample::rejected) : 1.0;
        const double margin = kBeta * (kChosen[row] / chosen - kRejected[row] / rejected);
        EXPECT_NEAR(losses[static_cast<int64_t>(row)].item<double>(),
                    -(1 - smoothing) * log_sigmoid(margin) - smoothing * log_sigmoid(-margin),
                    2e-4)
            << "row " << row;
      }
    }
  }
}

// Rewards are sums even if the loss compares averages, as in TRL.
TEST_F(ObjectiveTest, RewardsAreSumsUnderLengthNormalisation) {
  const RewardSums rewards = evaluate({.beta = 0.5, .length_normalize = true}).rewards;
  EXPECT_NEAR(rewards.chosen, 0.5 * 1.0, 1e-4);
  EXPECT_EQ(rewards.right, 1);
}

// log p of each token from the second on, for this sequence alone.
double sum_from(const CausalLm& model, const std::vector<int64_t>& sequence, int64_t first) {
  return token_logprobs(model, {sequence})[0].slice(0, first - 1).sum().item<double>();
}

// Reference truncation cuts different parts of the prompt from the two sequences, so their answers
// start at different positions.
TEST_F(ObjectiveTest, TruncatedRowsAreScoredFromTheStartOfEachAnswer) {
  const torch::NoGradGuard no_grad;
  std::vector<TrainingExample> examples(examples_.begin(), examples_.begin() + 3);
  for (size_t i = 0; i < examples.size(); ++i) {
    const auto prompt = static_cast<int64_t>(examples[i].prompt.size());
    ASSERT_GT(prompt, 12);
    examples[i].chosen_skips = i == 1 ? prompt : 9;  // in the second row the whole prompt
    examples[i].rejected_skips = i == 2 ? prompt : 2;
  }
  const PairLogprobs found = answer_logprobs(model_, examples, {0, 1, 2});
  for (size_t i = 0; i < examples.size(); ++i) {
    const TrainingExample& example = examples[i];
    const auto prompt = static_cast<int64_t>(example.prompt.size());
    const auto row = static_cast<int64_t>(i);
    EXPECT_NEAR(found.chosen[row].item<double>(),
                sum_from(model_, example.chosen_sequence(), i == 1 ? 1 : prompt - 9),
                1e-3)
        << i;
    EXPECT_NEAR(found.rejected[row].item<double>(),
                sum_from(model_, example.rejected_sequence(), i == 2 ? 1 : prompt - 2),
                1e-3)
        << i;
  }
}

}  // namespace
}  // namespace retmask::train
