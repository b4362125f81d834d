#pragma once
// The memory that a training run needs on each rank, computed before it starts, and what follows
// from it: the activation checkpointing and the room for large tensors.

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/model/model.h"
#include "retmask/train/examples.h"
#include "retmask/train/job.h"
#include "retmask/train/options.h"

namespace retmask::train {

struct LargestMicroBatch {
  int64_t tokens = 0;
  int64_t scored_tokens = 0;  // answer tokens among them
  bool only = false;          // no rank has more than one micro-batch in any step
};

// The largest micro-batch of all ranks and steps (in very long runs, of the first 4,096 steps).
LargestMicroBatch largest_micro_batch(const std::vector<TrainingExample>& examples,
                                      const Options& options,
                                      int64_t ranks,
                                      int64_t hidden_size);

// The case that a plan is computed for.
struct MemoryCase {
  torch::Device device = torch::kCPU;
  torch::ScalarType dtype = torch::kBFloat16;  // of the network
  int64_t ranks = 1;
  int64_t zero_stage = 0;
  LargestMicroBatch pass = {};
  ActivationCheckpointing activation_checkpointing = ActivationCheckpointing::none;
};

// Bytes of one rank at the peak of a step.
struct MemoryPlan {
  int64_t process = 0;         // in use before the model is loaded; 0 on a GPU
  int64_t weights = 0;         // in the network's dtype
  int64_t master_weights = 0;  // lower halves of the float32 weights of a bfloat16 network
  int64_t optimizer = 0;       // both moments of AdamW
  // float32 sums of the gradients, and the activations kept for the backward pass. With a single
  // micro-batch per step on a CPU, the sums are allocated as activations are released: one of the
  // two is 0.
  int64_t gradients = 0;
  int64_t activations = 0;
  // Peak temporary memory: logits and gradients in flight; on a CPU also what libtorch and its math
  // libraries allocate on first use.
  int64_t working = 0;

  int64_t total() const;
  Json to_json() const;
  // "4.21 GiB: 0.25 weights, ...".
  std::string text() const;
};

// Counts the tensors. Source of each stage's shares: Rajbhandari et al. 2020, Section 5.
MemoryPlan plan_memory(const ModelConfig& config, const MemoryCase& memory_case);

// The mode that recomputes least and still fits into `room`; full if none fits.
ActivationCheckpointing choose_activation_checkpointing(const ModelConfig& config,
                                                        MemoryCase memory_case,
                                                        const MemoryRoom& room);

// Logs the memory that the run needs, writes it to memory_plan.json, and sets the activation
// checkpointing in `options`. The choice is made once per run: a resumed run (`goes_on`) keeps it
// even if less memory is free, so that sums are computed in the same order. Collective.
MemoryPlan settle_memory(const Job& job, Options& options, bool goes_on);

// From now on large CPU tensors of this process are allocated from one BlockHeap of at least `room`
// bytes, the total that the run will need. If it is full, they fall back to the default allocator.
void keep_large_tensors(int64_t room);

}  // namespace retmask::train
