#pragma once
// Attention of whole sequences, with gradients: training.

#include <torch/types.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace retmask {

struct VarlenPlan;

// Each sequence attends to itself, causally and within the window: q [T, H, D]; k, v [T, Hkv, D] ->
// [T, H, D]; `lengths` [S], sum T. Equal to `attention` sequence by sequence, which is what runs on
// a GPU without a plan. Grouped-query heads are not copied, and the backward pass keeps only the
// arguments, the result and one number per query and head.
torch::Tensor sequence_attention(const torch::Tensor& q,
                                 const torch::Tensor& k,
                                 const torch::Tensor& v,
                                 const std::vector<int64_t>& lengths,
                                 std::optional<int64_t> sliding_window,
                                 const VarlenPlan* plan = nullptr);

}  // namespace retmask
