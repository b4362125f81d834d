#pragma once
// The losses as functions of the answers' log-probabilities. Formulas as in TRL 1.16's
// dpo_trainer.py.

#include <torch/torch.h>

namespace retmask::train {

// Log-probabilities of n pairs, summed over each answer's tokens.
struct PairLogprobs {
  torch::Tensor chosen;    // [n] float32
  torch::Tensor rejected;  // [n] float32
};

// Log-ratios of the policy to the reference. Times beta they are the implicit rewards.
struct PairRatios {
  torch::Tensor chosen;    // [n]
  torch::Tensor rejected;  // [n]
};
PairRatios log_ratios(const PairLogprobs& policy, const PairLogprobs& reference);

// Answer tokens of n pairs.
struct AnswerLengths {
  torch::Tensor chosen;    // [n] float32
  torch::Tensor rejected;  // [n] float32
};
// Averages over an answer's tokens, so that long answers weigh no more than short ones. Used by
// ipo, and by dpo with length_normalize (TRL's "sigmoid_norm").
PairRatios per_token(const PairRatios& ratios, const AnswerLengths& lengths);

// -(1 - s) log sigmoid(beta d) - s log sigmoid(-beta d), d the difference of the log-ratios: [n].
// With s = 0 it is Rafailov et al. 2023, Eq. 7; s > 0 is the conservative form for noisy labels
// (Mitchell 2023).
torch::Tensor dpo_losses(const PairRatios& ratios, double beta, double label_smoothing);

// (a_chosen - a_rejected - 1 / (2 beta))^2: [n]. Azar et al. 2023, Eq. 17, on averages per token as
// its authors confirmed to TRL.
torch::Tensor ipo_losses(const PairRatios& averages, double beta);

}  // namespace retmask::train
