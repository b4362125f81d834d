#pragma once
// From the rows of a micro-batch to their losses and rewards: log-probabilities of the answers, the
// loss functions, and the objective that joins the two.

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "retmask/model/model.h"
#include "retmask/train/batches.h"
#include "retmask/train/examples.h"
#include "retmask/train/options.h"

namespace retmask::train {

// Log-probabilities of n pairs, summed over each answer's tokens.
struct PairLogprobs {
  torch::Tensor chosen;    // [n] float32
  torch::Tensor rejected;  // [n] float32
};

// Sums of log p over the answer tokens of `rows`, in one packed forward pass, the only place where
// training runs the network: [n] each, float32, on the model's device. `rejected` is undefined when
// the rows have none. Differentiable if the model's parameters require gradients.
PairLogprobs answer_logprobs(const CausalLm& model,
                             const std::vector<TrainingExample>& examples,
                             const RowIndices& rows);

// The entries of `all` for `rows`.
PairLogprobs select(const PairLogprobs& all, const RowIndices& rows);

// The losses as functions of these sums; formulas as in TRL 1.16's dpo_trainer.py.

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

// Sums over rows, so those of a step's micro-batches can be added.
struct RewardSums {
  double chosen = 0;  // beta * log-ratio to the reference
  double rejected = 0;
  int64_t right = 0;  // pairs whose chosen answer has the larger reward

  RewardSums& operator+=(const RewardSums& other);
};

struct RowLosses {
  torch::Tensor losses;  // [n] float32 with autograd graph: the pair's loss; for sft the sum over
                         // the answer's tokens, or their mean with length_normalize
  RewardSums rewards;    // zeros for sft
};

class Objective {
 public:
  // `reference` has one entry per row, or undefined tensors for sft. The referenced objects outlive
  // this one.
  Objective(const CausalLm& model,
            const std::vector<TrainingExample>& examples,
            PairLogprobs reference,
            const Options& options);

  RowLosses evaluate(const RowIndices& rows) const;
  // Called before each forward pass; it may throw to leave a long step.
  void set_before_pass(std::function<void()> before_pass) { before_pass_ = std::move(before_pass); }
  // The divisor of a batch's summed losses: its pairs; for sft its answer tokens, or its answers
  // with length_normalize.
  int64_t denominator(const RowIndices& batch) const;
  bool has_rewards() const { return loss_ != LossKind::sft; }
  // The model's hidden size, for the cost model of spread_rows.
  int64_t hidden_size() const { return model_.config().hidden_size; }

 private:
  torch::Tensor pair_losses(const PairRatios& ratios, const RowIndices& rows) const;
  AnswerLengths lengths(const RowIndices& rows) const;

  const CausalLm& model_;
  const std::vector<TrainingExample>& examples_;
  PairLogprobs reference_;
  LossKind loss_;
  double beta_;
  double label_smoothing_;
  bool length_normalize_;
  std::function<void()> before_pass_ = [] {};
};

}  // namespace retmask::train
