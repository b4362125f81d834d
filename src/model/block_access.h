#pragma once
// Writing new keys and values into the cache's blocks and reading a sequence's back in one piece.
// Any device, plain libtorch; single tokens on the CPU read the blocks where they lie (cpu_ops.h).

#include <torch/torch.h>

#include <vector>

#include "decoder.h"
#include "retmask/model/attention.h"

namespace retmask {

// The block and the row of each new token.
struct TokenPlaces {
  torch::Tensor blocks;  // [T] int64, on `device`
  torch::Tensor rows;    // [T] int64
};
TokenPlaces token_places(const PackedBatch& batch, torch::Device device);

// k, v [T, Hkv, D] of the step's tokens into the layer's blocks.
void store_blocks(const torch::Tensor& k,
                  const torch::Tensor& v,
                  int64_t layer,
                  const ForwardContext& context);

struct SequenceKeys {
  torch::Tensor keys;    // [K, Hkv, D]: past tokens first, this step's last
  torch::Tensor values;  // the same
};
// Of the batch's sequence `s`, whose new tokens begin at row `start` of k and v. Copies only what
// lies in the cache alone.
SequenceKeys sequence_keys(const torch::Tensor& k,
                           const torch::Tensor& v,
                           int64_t layer,
                           size_t s,
                           int64_t start,
                           const PackedBatch& batch);

}  // namespace retmask
