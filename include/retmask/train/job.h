#pragma once
// Input of a training run, apart from its options.

#include <cstdint>
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

namespace retmask::train {

// Bytes of one rank, measured before its model is loaded.
struct MemoryRoom {
  int64_t process = 0;                                      // already in use; 0 on a GPU
  int64_t available = std::numeric_limits<int64_t>::max();  // including `process`
};

struct Job {
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

}  // namespace retmask::train
