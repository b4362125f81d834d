#pragma once
// Sizes that the options leave open: KV cache, and how prompts are read.

#include <torch/types.h>

#include <cstdint>

#include "retmask/engine/generator.h"

namespace retmask {

// How prompts are read alongside decoding sequences.
struct PrefillPolicy {
  // Chunks begin at multiples of it, so they are the same in every batch; with a prefix cache, at
  // multiples of it behind what was found there.
  int64_t chunk_tokens = 0;
  int64_t step_tokens = 0;  // per step; a single chunk may have more
  // Keys that a step's chunks read together, which a GPU copies out of the cache for each layer; a
  // single chunk may read more. 0: any number.
  int64_t step_keys = 0;
  // While sequences decode, prompts wait until they have this many tokens or continuations
  // together.
  int64_t least_tokens = 0;
  int64_t least_rows = 0;
};
// On a GPU a step with a short prompt takes about as long as one with 2,048 tokens, since it reads
// all weights once more, outside of the graph of the decoding step. Waiting leaves at most one row
// in 32 idle.
PrefillPolicy prefill_policy(const GeneratorOptions& options, torch::Device device);

// Whether the same tokens have the same keys in every prompt that begins with them. Not under a
// RoPE that depends on the length of the sequence.
bool can_share_prefixes(const ModelConfig& config);

// Number of blocks in the pool. `available` bytes are the basis unless the options give a size.
int64_t num_cache_blocks(const ModelConfig& config,
                         torch::Device device,
                         torch::ScalarType dtype,
                         const GeneratorOptions& options,
                         int64_t available);

}  // namespace retmask
