#pragma once
// How large the cache of keys and values is.

#include <torch/torch.h>

#include <cstdint>

#include "retmask/engine/generator.h"

namespace retmask {

// Blocks of the pool, of the `available` bytes where the options leave it open.
int64_t num_cache_blocks(const ModelConfig& config,
                         torch::Device device,
                         torch::ScalarType dtype,
                         const GeneratorOptions& options,
                         int64_t available);

}  // namespace retmask
