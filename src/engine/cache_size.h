#pragma once
// Sizes that the options leave open: of the cache of keys and values, of a step's share of prompts.

#include <torch/torch.h>

#include <cstdint>

#include "retmask/engine/generator.h"

namespace retmask {

// GeneratorOptions::prefill_tokens, or what it is by itself.
int64_t resolved_prefill_tokens(const GeneratorOptions& options, torch::Device device);

// Blocks of the pool, of the `available` bytes where the options leave it open.
int64_t num_cache_blocks(const ModelConfig& config,
                         torch::Device device,
                         torch::ScalarType dtype,
                         const GeneratorOptions& options,
                         int64_t available);

}  // namespace retmask
