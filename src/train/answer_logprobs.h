#pragma once
// Log-probabilities of the answers under the model: the only place where training runs the network.

#include <vector>

#include "loss.h"
#include "retmask/model/model.h"
#include "retmask/train/batches.h"
#include "retmask/train/examples.h"

namespace retmask::train {

// Sums of log p over the answer tokens of `rows`, in one packed forward pass: [n] each, float32, on
// the model's device. `rejected` is undefined when the rows have none. Differentiable if the
// model's parameters require gradients.
PairLogprobs answer_logprobs(const CausalLm& model,
                             const std::vector<TrainingExample>& examples,
                             const RowIndices& rows);

// The entries of `all` for `rows`.
PairLogprobs select(const PairLogprobs& all, const RowIndices& rows);

}  // namespace retmask::train
