#pragma once
// How likely the model finds the answers: the one place where training runs the network.

#include <vector>

#include "retmask/model/model.h"
#include "retmask/train/batches.h"
#include "retmask/train/examples.h"
#include "retmask/train/loss.h"

namespace retmask::train {

// Sums of log p over the answer tokens of `rows`, in one packed pass: [n] each, float32, on the
// model's device. `rejected` is undefined when the rows have none. Differentiable when the model's
// parameters are.
PairLogprobs answer_logprobs(const CausalLm& model,
                             const std::vector<TrainingExample>& examples,
                             const RowIndices& rows);

// The rows' share of `all`.
PairLogprobs select(const PairLogprobs& all, const RowIndices& rows);

}  // namespace retmask::train
