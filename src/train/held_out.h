#pragma once
// Evaluation on held-out pairs before, during and after training.

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "metrics.h"
#include "objective.h"
#include "retmask/base/journal.h"
#include "retmask/distributed/process_group.h"
#include "retmask/train/batches.h"

namespace retmask::train {

// A row of eval_metrics.jsonl.
struct HeldOutMetrics {
  int64_t step = 0;   // steps taken before; 0: the untrained model
  PairMetrics pairs;  // of all held-out rows
  int64_t tokens = 0;

  // {"step", those of `pairs`, "rows", "tokens"}.
  Json to_json() const;
};

// Evaluates and keeps eval_metrics.jsonl.
class HeldOut {
 public:
  // `examples`, `objective` (built on them) and `group` outlive this object. The ranks share the
  // rows; rank 0 writes the file. Rows of `path` after `steps_done`, written by a run that was
  // stopped after its last checkpoint, are dropped.
  HeldOut(const std::vector<TrainingExample>& examples,
          const Objective& objective,
          const TrainOptions& options,
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
