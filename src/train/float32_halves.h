#pragma once
// Float32 weights beside a bfloat16 network without keeping them twice: bfloat16 is float32's upper
// half, so that the network's own weights and 16 bits more are the float32 weights. 2 bytes each
// instead of 4 (as Apex' DistributedFusedAdam does with store_param_remainders).
//
// The upper half is rounded to nearest, and ties go away from zero: to even, as elsewhere, could
// not be undone.

#include <torch/torch.h>

namespace retmask::train {

// float32 [n] -> `upper` bfloat16 [n], `lower` int16 [n] (undefined: nobody wants it).
void split_float32(const torch::Tensor& values,
                   const torch::Tensor& upper,
                   const torch::Tensor& lower);

// What was split, bit by bit: float32 [n].
torch::Tensor join_float32(const torch::Tensor& upper, const torch::Tensor& lower);

}  // namespace retmask::train
