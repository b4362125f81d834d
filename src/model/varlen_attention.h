#pragma once
// Attention of all sequences of a batch in one launch, on a GPU in bfloat16: FlashAttention-2 (Dao
// 2023) as libtorch carries it. decoder.cpp's loop over the sequences computes the same.

#include <torch/torch.h>

#include <memory>
#include <optional>
#include <vector>

#include "decoder.h"

namespace retmask {

// What the layers of one call share.
struct VarlenPlan {
  torch::Tensor query_starts;       // [S + 1] int32: where each sequence's new tokens begin
  torch::Tensor key_starts;         // [S + 1] int32: and its keys
  std::vector<int64_t> query_ends;  // S: the same on the host, without the first
  std::vector<int64_t> key_ends;
  int64_t longest_query = 0;
  int64_t longest_key = 0;
  // The place of every key in the cache, where one lies there alone; else undefined: the keys are
  // the new tokens'.
  torch::Tensor key_blocks;  // [all keys] int64
  torch::Tensor key_rows;    // [all keys] int64
};

// Null where it is not the way: on other devices and dtypes, with gradients, and without a cache
// (log-probs are compared across devices).
std::shared_ptr<const VarlenPlan> plan_varlen(const PackedBatch& batch,
                                              torch::Device device,
                                              torch::ScalarType dtype);

// All sequences' keys and values, one after the other.
struct VarlenKeys {
  torch::Tensor keys;    // [all keys, Hkv, D]
  torch::Tensor values;  // the same
};
// The new tokens' are in the cache's layer already.
VarlenKeys varlen_keys(const ProjectedHeads& heads,
                       const KeyValueBlocks::Layer& cache,
                       const VarlenPlan& plan);

// q [T, H, D] -> [T, H, D]
torch::Tensor varlen_attention(const torch::Tensor& q,
                               const VarlenKeys& keys,
                               std::optional<int64_t> sliding_window,
                               const VarlenPlan& plan);

// What the batch's probe wants: [S, H] int64 on q's device.
torch::Tensor varlen_largest_keys(const torch::Tensor& q,
                                  const VarlenKeys& keys,
                                  std::optional<int64_t> sliding_window,
                                  const PackedBatch& batch,
                                  const VarlenPlan& plan);

}  // namespace retmask
