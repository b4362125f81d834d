#pragma once
// A decoding step on a GPU with our own kernels: one new token per sequence. All that changes from
// step to step is in GPU memory, so the launches captured in a CUDA graph serve every later step.
//
// Shapes: S sequences, L layers, H query heads; see model/attention.h.

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "retmask/model/attention.h"

namespace retmask {

struct DecodeBatch {
  torch::Tensor token_ids;  // [S] int64
  torch::Tensor past;       // [S] int64: tokens in the cache = position of the new token
  // The cache: block i of sequence s is block_tables[table_starts[s] + i].
  const std::vector<KeyValueBlocks::Layer>* layers = nullptr;
  torch::Tensor block_tables;  // int32, of all sequences, concatenated
  torch::Tensor table_starts;  // [S] int64
  // Head gates of sequence s: gates[policies[s]], ones and zeros.
  torch::Tensor policies;  // [S] int64
  torch::Tensor gates;     // [policies, L, H] float32
  // What replaces the output of heads that are off: [policies, L, H, D] in the model's dtype, zeros
  // in mode zero. Undefined: no policy has the mode mean.
  torch::Tensor means;
  // Splits of a long sequence in the attention kernel, 1 to kMostDecodeSplits.
  int64_t splits = 1;
  torch::Tensor largest_keys;  // [L, S, H] int64, output; undefined: not wanted
};

inline constexpr int64_t kMostDecodeSplits = 64;

}  // namespace retmask
