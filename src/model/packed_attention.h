#pragma once
// Attention of a packed batch without a cache, with gradients: training and scoring.

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <vector>

#include "retmask/model/attention.h"

namespace retmask {

// The sequences of a batch, one after the other.
struct PackedSequences {
  std::vector<int64_t> lengths;  // S, sum T
  torch::Tensor starts;  // [S + 1] int32 on a GPU: where each begins, and T; undefined on a CPU
};
// Copied to the device once for all layers.
PackedSequences make_packed_sequences(const PackedBatch& batch, torch::Device device);

// Each sequence attends to itself, causally and within the window: q [T, H, D]; k, v [T, Hkv, D] ->
// [T, H, D]. Equal to `attention` sequence by sequence. Grouped-query heads are not copied, and the
// backward pass keeps only the arguments, the result and one number per query and head.
torch::Tensor packed_attention(const torch::Tensor& q,
                               const torch::Tensor& k,
                               const torch::Tensor& v,
                               const PackedSequences& sequences,
                               std::optional<int64_t> sliding_window);

}  // namespace retmask
