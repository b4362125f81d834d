#pragma once
// The two passes over data of a training run, a step on a batch and an evaluation of the held-out
// pairs, with the metrics that each writes as a row.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "objective.h"
#include "optimizer.h"
#include "retmask/base/journal.h"
#include "retmask/base/json.h"
#include "retmask/distributed/process_group.h"
#include "retmask/train/batches.h"
#include "sharded_gradients.h"

namespace retmask::train {

// Metrics over the rows of a batch or over all held-out rows.
struct PairMetrics {
  int64_t rows = 0;
  double loss = 0;  // mean over pairs; for sft over answer tokens
  RewardSums rewards;
  bool has_rewards = false;

  // Sums the losses and rewards of the ranks' shares.
  void sum_over(distributed::ProcessGroup& group);
  // {"loss", "rewards_chosen", "rewards_rejected", "accuracy", "margin"}; all but the first are
  // means over the pairs, null without rewards.
  Json to_json() const;
};

struct StepMetrics {
  int64_t step = 0;      // counted from 1
  PairMetrics pairs;     // of the batch
  double grad_norm = 0;  // before clipping
  double learning_rate = 0;
  int64_t tokens = 0;  // processed: prompts and answers
  double seconds = 0;
  double utilization = 0;    // operations per second over the measured peak: utilization.h
  int64_t memory_bytes = 0;  // peak so far: peak_memory

  // {"step", those of `pairs`, "grad_norm", "lr", "tokens", "tokens_per_second",
  // "model_flops_utilization", "memory_bytes"}.
  Json to_json() const;
};

// Opens metrics.jsonl with the rows of the first `steps_done` steps; later rows, written by a run
// that was stopped after its last checkpoint, are dropped. Throws UserError if a row is missing.
std::unique_ptr<Journal> open_metrics(const std::filesystem::path& path, int64_t steps_done);

// One optimizer step: forward and backward pass of this rank's micro-batches, clipping, update.
class StepRunner {
 public:
  // All arguments outlive this object.
  StepRunner(const Objective& objective,
             const std::vector<TrainingExample>& examples,
             ShardedGradients& gradients,
             AdamW& optimizer,
             distributed::ProcessGroup& group,
             const Options& options);

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
  const Options& options_;
};

// A row of eval_metrics.jsonl.
struct HeldOutMetrics {
  int64_t step = 0;   // steps taken before; 0: the untrained model
  PairMetrics pairs;  // of all held-out rows
  int64_t tokens = 0;

  // {"step", those of `pairs`, "rows", "tokens"}.
  Json to_json() const;
};

// Evaluates the held-out pairs before, during and after training, and keeps eval_metrics.jsonl.
class HeldOut {
 public:
  // `examples`, `objective` (built on them) and `group` outlive this object. The ranks share the
  // rows; rank 0 writes the file. Rows of `path` after `steps_done`, written by a run that was
  // stopped after its last checkpoint, are dropped.
  HeldOut(const std::vector<TrainingExample>& examples,
          const Objective& objective,
          const Options& options,
          const std::filesystem::path& path,
          int64_t steps_done,
          distributed::ProcessGroup& group);

  // Evaluates after `step` of `total_steps` if that is due (at 0, at the end and every --eval-every
  // steps) and the file has no row for it yet. Collective. Returns the new row on rank 0, otherwise
  // null.
  Json evaluate_if_due(int64_t step, int64_t total_steps);

 private:
  bool is_due(int64_t step, int64_t total_steps) const;
  HeldOutMetrics evaluate(int64_t step) const;

  const std::vector<TrainingExample>& examples_;
  const Objective& objective_;
  int64_t eval_every_;
  int64_t micro_batch_tokens_;
  bool in_step_;  // all ranks must run the same number of micro-batches
  distributed::ProcessGroup& group_;
  std::unique_ptr<Journal> journal_;  // rank 0's
  int64_t last_step_ = -1;            // of the file's last row
};

}  // namespace retmask::train
