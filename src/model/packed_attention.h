#pragma once
// Attention of a packed batch without a cache, with gradients: training and scoring.

#include <torch/torch.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace retmask {

// Each sequence of `lengths` attends to itself, causally and within the window: q [T, H, D]; k, v
// [T, Hkv, D] -> [T, H, D], sum of lengths T. Equal to `attention` sequence by sequence. No head is
// copied for grouped queries, and for the backward pass nothing is kept beside the arguments, the
// result and one number per query and head.
torch::Tensor packed_attention(const torch::Tensor& q,
                               const torch::Tensor& k,
                               const torch::Tensor& v,
                               const std::vector<int64_t>& lengths,
                               std::optional<int64_t> sliding_window);

}  // namespace retmask
