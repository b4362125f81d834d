#pragma once
// One optimizer step: forward and backward pass of this rank's micro-batches, clipping, update.

#include "metrics.h"
#include "objective.h"
#include "optimizer.h"
#include "retmask/distributed/process_group.h"
#include "retmask/train/batches.h"
#include "sharded_gradients.h"

namespace retmask::train {

class StepRunner {
 public:
  // All arguments outlive this object.
  StepRunner(const Objective& objective,
             const std::vector<TrainingExample>& examples,
             ShardedGradients& gradients,
             AdamW& optimizer,
             distributed::ProcessGroup& group,
             const TrainOptions& options);

  // Trains one step on the rows of `batch`. Throws UserError, before any weight changes, when a
  // loss or a gradient is not finite. Collective; every rank gets the metrics of the whole batch.
  StepMetrics run(const RowIndices& batch, double learning_rate);

 private:
  struct MicroBatch {
    RowIndices rows;
    bool counts = true;  // false: filler that keeps this rank in step with the others
  };
  std::vector<MicroBatch> micro_batches(const RowIndices& batch) const;
  double forward_and_backward(const MicroBatch& micro_batch,
                              int64_t denominator,
                              RewardSums& rewards);
  [[noreturn]] void stop_for_gradient(const RowIndices& batch);
  [[noreturn]] void stop(const std::string& what, const RowIndices& rows) const;

  const Objective& objective_;
  const std::vector<TrainingExample>& examples_;
  ShardedGradients& gradients_;
  AdamW& optimizer_;
  distributed::ProcessGroup& group_;
  const TrainOptions& options_;
};

}  // namespace retmask::train
