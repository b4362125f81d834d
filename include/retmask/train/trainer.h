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

// Of one rank, in bytes, measured before its model was loaded.
struct MemoryRoom {
  int64_t process = 0;                                      // in use already; 0 on a GPU
  int64_t available = std::numeric_limits<int64_t>::max();  // with that
};

struct TrainingJob {
  const Checkpoint& checkpoint;
  CausalLm model;  // of `checkpoint`, CausalLm::without_weights: the run loads what its rank keeps
  std::vector<TrainingExample> examples;
  std::filesystem::path out;  // an existing folder that can be written
  TensorType save_dtype = TensorType::float32;
  // The ranks that train together; each has the same job.
  std::shared_ptr<distributed::ProcessGroup> group = std::make_shared<distributed::ProcessGroup>();
  std::function<void(int64_t step)> on_step = [](int64_t) {};  // told of each finished step
  std::vector<TrainingExample> held_out = {};                  // evaluated but not trained on
  StopPoll stop_asked = nullptr;
  MemoryRoom memory = {};
  SaveOptions save = {};  // of the final model
};

struct TrainingSummary {
  int64_t steps = 0;
  int64_t tokens = 0;  // trained on, by all starts of this run together
  double seconds = 0;  // of the steps, without reference, loading and saving
  Json last_step;      // its row of metrics.jsonl
  Json
      held_out_before;  // the first and last rows of eval_metrics.jsonl, null without held-out rows
  Json held_out_after;
};

// All ranks call it; what it returns and writes, but for training states, is rank 0's alone.
// Trains and writes into `out`: memory_plan.json, metrics.jsonl, reference_logprobs.jsonl,
// checkpoints/step-N, with held-out rows eval_metrics.jsonl and eval_reference_logprobs.jsonl, at
// the end the model as a checkpoint folder and training.json. Started again with the same job it
// goes on from the newest checkpoint, and on a CPU with the same number of threads and ranks every
// bit of the result is that of a run without a stop (CUDA's attention adds up gradients in no fixed
// order). A finished run is returned at once. When `stop_asked` answers with a signal it leaves the
// pass it is in (several ranks: it ends the step), keeps nothing of a step that is not finished,
// saves the state and throws Stopped. Throws UserError when `out` belongs to another run, when the
// disk is full, and when a loss or gradient is not finite (names the rows; what is on disk stays as
// it was).
TrainingSummary run_training(TrainingJob job, TrainOptions options);

}  // namespace retmask::train
