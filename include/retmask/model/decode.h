#pragma once
// A step in which every sequence has one new token, on a GPU by our own kernels. All that changes
// from step to step lies in the GPU's memory, so that the launches of one step, recorded in a CUDA
// graph, serve every later one.
//
// Shapes: S sequences, L layers, H query heads; see model/attention.h.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "retmask/model/attention.h"

namespace retmask {

struct DecodeBatch {
  torch::Tensor token_ids;  // [S] int64
  torch::Tensor past;       // [S] int64: tokens in the cache, which is the new one's position
  // The cache: block i of sequence s is block_tables[table_starts[s] + i].
  const std::vector<KeyValueBlocks::Layer>* layers = nullptr;
  torch::Tensor block_tables;  // int32, of all sequences one after the other
  torch::Tensor table_starts;  // [S] int64
  // Sequence s has the head gates gates[policies[s]], ones and zeros.
  torch::Tensor policies;  // [S] int64
  torch::Tensor gates;     // [policies, L, H] float32
  // Parts into which the attention cuts a long sequence, 1 to kMostDecodeSplits.
  int64_t splits = 1;
  torch::Tensor largest_keys;  // [L, S, H] int64, filled; undefined: nobody asks
};

inline constexpr int64_t kMostDecodeSplits = 64;

}  // namespace retmask
