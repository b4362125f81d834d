#pragma once
// One optimizer step: micro-batches forward and backward, clipping, update.

#include "retmask/train/batches.h"
#include "retmask/train/metrics.h"
#include "retmask/train/objective.h"
#include "retmask/train/optimizer.h"

namespace retmask::train {

class StepRunner {
 public:
  // All of them outlive this object.
  StepRunner(const Objective& objective,
             const std::vector<TrainingExample>& examples,
             const BatchPlan& plan,
             GradientBuffer& gradients,
             AdamW& optimizer,
             const TrainOptions& options);

  // The step behind those that the optimizer has taken. Throws UserError, before any weight
  // changes, when a loss or a gradient is not finite.
  StepMetrics run();

 private:
  double forward_and_backward(const RowIndices& rows, int64_t denominator, RewardSums& rewards);
  [[noreturn]] void stop_for_gradient(const RowIndices& batch);
  [[noreturn]] void stop(const std::string& what, const RowIndices& rows) const;

  const Objective& objective_;
  const std::vector<TrainingExample>& examples_;
  const BatchPlan& plan_;
  GradientBuffer& gradients_;
  AdamW& optimizer_;
  const TrainOptions& options_;
};

}  // namespace retmask::train
