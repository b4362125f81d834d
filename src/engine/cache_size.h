#pragma once
// Defaults for sizes that the options leave open: KV cache and prefill tokens per step.

#include <torch/torch.h>

#include <cstdint>

#include "retmask/engine/generator.h"

namespace retmask {

// GeneratorOptions::prefill_tokens, or its default for the device.
int64_t resolved_prefill_tokens(const GeneratorOptions& options, torch::Device device);

// Number of blocks in the pool. `available` bytes are the basis unless the options give a size.
int64_t num_cache_blocks(const ModelConfig& config,
                         torch::Device device,
                         torch::ScalarType dtype,
                         const GeneratorOptions& options,
                         int64_t available);

}  // namespace retmask
