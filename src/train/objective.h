#pragma once
// The loss and the rewards of a micro-batch.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "answer_logprobs.h"
#include "retmask/train/options.h"

namespace retmask::train {

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
            const TrainOptions& options);

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
