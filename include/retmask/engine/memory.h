#pragma once
// What a run of the generator takes, stated before it starts, and what it has taken, in bytes.

#include <torch/torch.h>

#include <cstdint>
#include <string>

#include "retmask/base/json.h"
#include "retmask/engine/generator.h"

namespace retmask {

// On the CPU of the whole process, on a GPU of its memory there.
struct MemoryBudget {
  // What the process has in memory before it loads the weights: program and libraries, tokenizer,
  // prompts. Measured; zero on a GPU.
  int64_t process = 0;
  int64_t weights = 0;
  // Beside the weights while they are read and packed; given back before the cache is taken.
  int64_t loading = 0;
  int64_t kv_cache = 0;
  // Activations and logits of the largest step.
  int64_t step_buffers = 0;
  // On the CPU: code that is loaded when it is first called, and what lies idle between blocks.
  int64_t libraries = 0;

  int64_t total() const;
  // {"process", "weights", "loading", "kv_cache", "step_buffers",
  // "libraries", "total"}
  Json to_json() const;
  // "1.10 GiB: 280 MiB of the process, 257 MiB of weights, ...".
  std::string text() const;
};

// To be asked before the weights are loaded. The cache has the size that the generator gives it
// with these options; where it may choose it, this is from what is available now. Throws UserError
// when the cache cannot hold one sequence of max_sequence_tokens.
MemoryBudget memory_budget(const ModelConfig& config,
                           torch::Device device,
                           torch::ScalarType dtype,
                           const GeneratorOptions& options);

}  // namespace retmask
