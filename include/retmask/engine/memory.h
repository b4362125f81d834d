#pragma once
// Memory of a generator run in bytes: planned before it starts, and measured.

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "retmask/base/json.h"
#include "retmask/engine/generator.h"

namespace retmask {

// On the CPU: the whole process. On a GPU: its device memory.
struct MemoryBudget {
  // Resident before the weights are loaded: program and libraries, tokenizer, prompts. Measured;
  // zero on a GPU.
  int64_t process = 0;
  int64_t weights = 0;
  // In addition to the weights while they are read and packed; freed before the cache is allocated.
  int64_t loading = 0;
  int64_t kv_cache = 0;
  // Activations and logits of the largest step.
  int64_t step_buffers = 0;
  // On the CPU: code paged in at its first call, and allocator fragmentation.
  int64_t libraries = 0;

  int64_t total() const;
  // {"process", "weights", "loading", "kv_cache", "step_buffers", "libraries", "total"}
  Json to_json() const;
  // "1.10 GiB: 280 MiB used by the process so far, 257 MiB of weights, ...".
  std::string text() const;
};

// max_batch_size where none is asked for, by the other options. A GPU's decoding step takes the
// time to read the weights and the cached keys once, so more sequences share the weights: with 8
// billion in bfloat16 and 1,000 cached tokens per sequence, by arithmetic at 3.35 TB/s, 8,800
// tokens/s with 64 and 17,300 with 256. Up to 256 there, as many as fit if half of
// max_sequence_tokens is what they reach at once; a batch that outgrows the cache only repeats some
// prompts. 64 on a CPU, which is then bound by multiplications. `free` as below.
int64_t default_batch_size(const ModelConfig& config,
                           torch::Device device,
                           torch::ScalarType dtype,
                           GeneratorOptions options,
                           std::optional<int64_t> free = std::nullopt);

// Call before the weights are loaded. The cache gets the size that the generator gives it with
// these options, based on the `free` bytes of the device where the options leave it open; unset:
// what is free now. Throws UserError when the cache cannot hold one sequence of
// max_sequence_tokens.
MemoryBudget memory_budget(const ModelConfig& config,
                           torch::Device device,
                           torch::ScalarType dtype,
                           const GeneratorOptions& options,
                           std::optional<int64_t> free = std::nullopt);

}  // namespace retmask
