#pragma once
// The training run: reference, steps, checkpoints, final model.

#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "retmask/base/stop_signals.h"
#include "retmask/checkpoint/checkpoint.h"
#include "retmask/distributed/process_group.h"
#include "retmask/model/model.h"
#include "retmask/train/examples.h"
#include "retmask/train/options.h"

namespace retmask::train {

// Bytes of one rank, measured before its model is loaded.
struct MemoryRoom {
  int64_t process = 0;                                      // already in use; 0 on a GPU
  int64_t available = std::numeric_limits<int64_t>::max();  // including `process`
};

struct TrainingJob {
  const Checkpoint& checkpoint;
  CausalLm model;  // from CausalLm::without_weights: each rank loads only what it keeps
  std::vector<TrainingExample> examples;
  std::filesystem::path out;  // an existing, writable folder
  TensorType save_dtype = TensorType::float32;
  // The ranks that train together, each with the same job.
  std::shared_ptr<distributed::ProcessGroup> group = std::make_shared<distributed::ProcessGroup>();
  std::function<void(int64_t step)> on_step = [](int64_t) {};  // called after each step
  std::vector<TrainingExample> held_out = {};                  // evaluated but not trained on
  StopPoll stop_asked = nullptr;
  MemoryRoom memory = {};
  SaveOptions save = {};  // of the final model
};

struct TrainingSummary {
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
TrainingSummary run_training(TrainingJob job, TrainOptions options);

}  // namespace retmask::train
