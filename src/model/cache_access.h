#pragma once
// Stores new keys and values in the cache blocks, and gathers those of a sequence into one tensor.
// Plain libtorch on any device; cpu_layer.cpp reads the blocks in place, in a layout of its own.

#include <torch/types.h>

#include "forward_context.h"

namespace retmask {

// Stores k, v [T, Hkv, D] of the new tokens in the blocks of the layer.
void store_keys(const torch::Tensor& k,
                const torch::Tensor& v,
                int64_t layer,
                const ForwardContext& context);

struct SequenceKeys {
  torch::Tensor keys;    // [K, Hkv, D]: past tokens first, this step's last
  torch::Tensor values;  // the same
};
// For sequence `s` of the batch, whose new tokens begin at row `start` of k and v. Copies only if
// some of the keys are only in the cache.
SequenceKeys sequence_keys(const torch::Tensor& k,
                           const torch::Tensor& v,
                           int64_t layer,
                           size_t s,
                           int64_t start,
                           const PackedBatch& batch);

}  // namespace retmask
