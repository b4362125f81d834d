#pragma once
// Float32 master weights for a bfloat16 network at 2 extra bytes per weight instead of 4: bfloat16
// is the upper half of float32, so the network's weights plus the lower 16 bits are the float32
// weights (as in Apex's DistributedFusedAdam with store_param_remainders).
//
// The upper half is rounded to nearest with ties away from zero; ties to even could not be undone.

#include <torch/torch.h>

namespace retmask::train {

// float32 [n] -> `upper` bfloat16 [n], `lower` int16 [n] (skipped if undefined).
void split_float32(const torch::Tensor& values,
                   const torch::Tensor& upper,
                   const torch::Tensor& lower);

// The exact inverse of split_float32: float32 [n].
torch::Tensor join_float32(const torch::Tensor& upper, const torch::Tensor& lower);

}  // namespace retmask::train
