#pragma once
// Our kernels on a GPU as operations on tensors, without gradients. In builds without a CUDA
// compiler (no_cuda_kernels.cpp) has_cuda_kernels() is false and the others throw.

#include <torch/types.h>

#include "rope.h"

namespace retmask {

bool has_cuda_kernels();

// silu(gate) * up: [T, width]. Rows of gate and up may be strided, by the same stride.
torch::Tensor cuda_silu_multiply(const torch::Tensor& gate, const torch::Tensor& up);

struct SiluGradients {
  torch::Tensor dgate;
  torch::Tensor dup;
};
// All contiguous and of one shape.
SiluGradients cuda_silu_multiply_backward(const torch::Tensor& gate,
                                          const torch::Tensor& up,
                                          const torch::Tensor& dy);

// apply_rotation of x [T, heads, head_dim]; tokens may be strided.
torch::Tensor cuda_rotate(const torch::Tensor& x, const Rotation& rotation);

}  // namespace retmask
