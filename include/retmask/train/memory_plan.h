#pragma once
// What a training run needs of each rank's memory, known before it starts.

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/model/model.h"
#include "retmask/train/examples.h"
#include "retmask/train/options.h"

namespace retmask::train {

// The largest of the passes that go through the network at once.
struct LargestMicroBatch {
  int64_t tokens = 0;
  int64_t scored_tokens = 0;  // answer tokens among them
  bool only = false;          // no step has a second one on its rank
};

// Of all ranks, in the steps that the run will take (of a run of very many steps, in the first).
LargestMicroBatch largest_micro_batch(const std::vector<TrainingExample>& examples,
                                      const TrainOptions& options,
                                      int64_t ranks,
                                      int64_t hidden_size);

// What the plan is made for.
struct MemoryCase {
  torch::Device device = torch::kCPU;
  torch::ScalarType dtype = torch::kBFloat16;  // the network computes in
  int64_t ranks = 1;
  int64_t zero_stage = 0;
  LargestMicroBatch pass = {};
  ActivationCheckpointing activation_checkpointing = ActivationCheckpointing::none;
};

// In bytes, of one rank, at that moment of a step when it takes most.
struct MemoryPlan {
  int64_t process = 0;         // before anything was loaded; on a GPU, which counts its own, 0
  int64_t weights = 0;         // as the network computes with them
  int64_t master_weights = 0;  // what bfloat16 leaves of float32 weights: their lower halves
  int64_t optimizer = 0;       // both moments of AdamW
  // float32 sums of the passes so far, and what the forward pass keeps for the backward pass. Where
  // a step has one pass, the sums come into being on a CPU as what was kept goes: one of the two
  // is 0.
  int64_t gradients = 0;
  int64_t activations = 0;
  // The most beside them at one time: logits, gradients under way; on a CPU also what libtorch and
  // its math libraries take once they compute.
  int64_t working = 0;

  int64_t total() const;
  Json to_json() const;
  // "4.21 GiB: 0.25 weights, ...".
  std::string text() const;
};

// By counting tensors. Source of the stages' shares: Rajbhandari et al. 2020, Section 5.
MemoryPlan plan_memory(const ModelConfig& config, const MemoryCase& memory_case);

// The mode that keeps most and still fits into `available` bytes; full where none fits.
ActivationCheckpointing choose_activation_checkpointing(const ModelConfig& config,
                                                        MemoryCase memory_case,
                                                        int64_t process,
                                                        int64_t available);

}  // namespace retmask::train
