#pragma once
// Stores new keys and values in the cache blocks, and gathers those of a sequence into one tensor.
// Any device, plain libtorch; on the CPU single tokens read the blocks in place (cpu_ops.h).

#include <torch/torch.h>

#include <vector>

#include "decoder.h"
#include "retmask/model/attention.h"

namespace retmask {

// Block and row of each new token.
struct TokenPlaces {
  torch::Tensor blocks;  // [T] int64, on `device`
  torch::Tensor rows;    // [T] int64
};
TokenPlaces token_places(const PackedBatch& batch, torch::Device device);

// Stores k, v [T, Hkv, D] of the new tokens in the blocks of the layer.
void store_blocks(const torch::Tensor& k,
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
