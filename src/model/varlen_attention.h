#pragma once
// Attention of all sequences of a batch in one launch, on a GPU in bfloat16: FlashAttention-2 (Dao
// 2023) from libtorch. Computes the same as the loop over sequences in libtorch_layer.cpp.

#include <torch/types.h>

#include <memory>
#include <optional>
#include <vector>

#include "decoder_layer.h"

namespace retmask {

// State shared by the layers of one call.
struct VarlenPlan {
  torch::Tensor query_starts;       // [S + 1] int32: where each sequence's new tokens begin
  torch::Tensor key_starts;         // [S + 1] int32: where its keys begin
  std::vector<int64_t> query_ends;  // S: query_starts on the host, without the first
  std::vector<int64_t> key_ends;
  int64_t longest_query = 0;
  int64_t longest_key = 0;
  // Cache location of every key, if some keys are only in the cache; otherwise undefined: the keys
  // are those of the new tokens.
  torch::Tensor key_blocks;  // [all keys] int64
  torch::Tensor key_rows;    // [all keys] int64
};

// Null if it does not apply: other devices, dtypes and head sizes.
std::shared_ptr<const VarlenPlan> plan_varlen(const PackedBatch& batch,
                                              torch::Device device,
                                              torch::ScalarType dtype,
                                              int64_t head_dim);

// Keys and values of all sequences, concatenated.
struct VarlenKeys {
  torch::Tensor keys;    // [all keys, Hkv, D]
  torch::Tensor values;  // the same
};
// Those of the new tokens must already be in the cache, if the batch has one.
VarlenKeys varlen_keys(const ProjectedHeads& heads,
                       int64_t layer,
                       const PackedBatch& batch,
                       const VarlenPlan& plan);

// q [T, H, D] -> [T, H, D]
torch::Tensor varlen_attention(const torch::Tensor& q,
                               const VarlenKeys& keys,
                               std::optional<int64_t> sliding_window,
                               const VarlenPlan& plan);

// The result for the probe of the batch: [S, H] int64 on the device of q.
torch::Tensor varlen_largest_keys(const torch::Tensor& q,
                                  const VarlenKeys& keys,
                                  std::optional<int64_t> sliding_window,
                                  const PackedBatch& batch,
                                  const VarlenPlan& plan);

}  // namespace retmask
