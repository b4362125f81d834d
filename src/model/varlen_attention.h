#pragma once
// Attention of all sequences of a batch in one launch, on a GPU in bfloat16: FlashAttention-2 (Dao
// 2023) as libtorch carries it. decoder.cpp's loop over the sequences computes the same.

#include <torch/torch.h>

#include <memory>
#include <optional>

#include "decoder.h"

namespace retmask {

// What the layers of one call share.
struct VarlenPlan {
  torch::Tensor query_starts;  // [S + 1] int32: where each sequence's new tokens begin
  torch::Tensor key_starts;    // [S + 1] int32: and its keys
  int64_t longest_query = 0;
  int64_t longest_key = 0;
  // The place of every key in the cache, where one lies there alone; else undefined: the keys are
  // the new tokens'.
  torch::Tensor key_blocks;  // [all keys] int64
  torch::Tensor key_rows;    // [all keys] int64
};

// Null where it is not the way: on other devices and dtypes, with gradients, with a probe, and
// without a cache (log-probs are compared across devices).
std::shared_ptr<const VarlenPlan> plan_varlen(const PackedBatch& batch,
                                              torch::Device device,
                                              torch::ScalarType dtype);

// [T, H, D]. The new tokens' keys and values are in the cache's layer already.
torch::Tensor varlen_attention(const ProjectedHeads& heads,
                               const KeyValueBlocks::Layer& cache,
                               std::optional<int64_t> sliding_window,
                               const VarlenPlan& plan);

}  // namespace retmask
