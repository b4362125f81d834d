#include "loss.h"

namespace retmask::train {

PairRatios log_ratios(const PairLogprobs& policy, const PairLogprobs& reference) {
  return {policy.chosen - reference.chosen, policy.rejected - reference.rejected};
}

PairRatios per_token(const PairRatios& ratios, const AnswerLengths& lengths) {
  return {ratios.chosen / lengths.chosen, ratios.rejected / lengths.rejected};
}

torch::Tensor dpo_losses(const PairRatios& ratios, double beta, double label_smoothing) {
  const torch::Tensor scaled = beta * (ratios.chosen - ratios.rejected);  // [n]
  const torch::Tensor losses = -torch::log_sigmoid(scaled);
  if (label_smoothing == 0) return losses;
  return (1 - label_smoothing) * losses - label_smoothing * torch::log_sigmoid(-scaled);
}

torch::Tensor ipo_losses(const PairRatios& averages, double beta) {
  const torch::Tensor difference = averages.chosen - averages.rejected;  // [n]
  return (difference - 1 / (2 * beta)).square();
}

}  // namespace retmask::train
