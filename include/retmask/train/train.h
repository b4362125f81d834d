#pragma once
// The training run: reference, steps, checkpoints, final model.

#include <cstdint>

#include "retmask/base/json.h"
#include "retmask/train/job.h"
#include "retmask/train/options.h"

namespace retmask::train {

struct Result {
  int64_t steps = 0;
  int64_t tokens = 0;  // trained on, including earlier starts of this run
  double seconds = 0;  // of the steps, without reference, loading and saving
  Json last_step;      // last row of metrics.jsonl
  // First and last row of eval_metrics.jsonl; null without held-out rows.
  Json held_out_before;
  Json held_out_after;
};

// Trains and writes into `out`: memory_plan.json, metrics.jsonl, reference_logprobs.jsonl,
// checkpoints/step-N, with held-out rows eval_metrics.jsonl and eval_reference_logprobs.jsonl, and
// finally the model as a checkpoint folder and training.json. Collective; except for training
// states, only rank 0 writes, and only its return value is filled.
//
// Run again with the same job, it resumes from the newest checkpoint. On a CPU with the same number
// of threads and ranks the result is bit-identical to an uninterrupted run (CUDA's attention
// accumulates gradients in no fixed order). A finished run returns at once.
//
// When `stop_asked` returns a signal, the run stops before the next micro-batch (several ranks:
// after the step), discards the unfinished step, saves the state and throws Stopped. Throws
// UserError if `out` belongs to another run, if the disk is full, and if a loss or gradient is not
// finite (naming the rows; files on disk are unchanged).
Result run(Job job, Options options);

}  // namespace retmask::train
