#pragma once
// The loss of a few rows and what is reported of it.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "retmask/train/answer_logprobs.h"
#include "retmask/train/options.h"

namespace retmask::train {

// Sums over rows: those of several micro-batches add up to a step's.
struct RewardSums {
  double chosen = 0;  // beta * log-ratio to the reference
  double rejected = 0;
  int64_t right = 0;  // pairs whose chosen answer has the larger reward

  RewardSums& operator+=(const RewardSums& other);
};

struct RowLosses {
  torch::Tensor losses;  // [n] float32 with their graph: the pair's loss, or for sft the answer's,
                         // summed over tokens, or their mean with length_normalize
  RewardSums rewards;    // zeros for sft
};

class Objective {
 public:
  // `reference` holds one entry per row, or undefined tensors for sft. All of them outlive this
  // object.
  Objective(const CausalLm& model,
            const std::vector<TrainingExample>& examples,
            PairLogprobs reference,
            const TrainOptions& options);

  RowLosses evaluate(const RowIndices& rows) const;
  // Called before each pass through the network. It may throw, to leave a long step.
  void set_before_pass(std::function<void()> before_pass) { before_pass_ = std::move(before_pass); }
  // What a batch's summed losses are divided by: its pairs; for sft its answer tokens, or its
  // answers with length_normalize.
  int64_t denominator(const RowIndices& batch) const;
  bool has_rewards() const { return loss_ != LossKind::sft; }
  // Of the model: what attention costs beside the rest (spread_rows).
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
