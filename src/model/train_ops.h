#pragma once
// Steps of the decoder layer that have gradients and are not matrix products. On the CPU they run
// on the kernels (retmask/kernels/row_gradients.h) and keep nothing but their inputs for the
// backward pass; elsewhere they are libtorch's.

#include <torch/torch.h>

#include <functional>
#include <vector>

#include "rope.h"

namespace retmask {

// x [..., width] / sqrt(mean(x^2) + eps) * weight [width] over the last dimension.
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

// silu(gate) * up, all of one shape.
torch::Tensor silu_multiply(const torch::Tensor& gate, const torch::Tensor& up);

// What silu_multiply takes on a GPU; runs on any device.
torch::Tensor device_silu_multiply(const torch::Tensor& gate, const torch::Tensor& up);

// apply_rotation with gradients: x [T, heads, head_dim].
torch::Tensor rotate_heads(const torch::Tensor& x, const Rotation& rotation);

// A matrix product's weight [out, in] and bias [out] or undefined.
struct LinearWeights {
  torch::Tensor weight;
  torch::Tensor bias;
};

// `make_input(from)` times each of `weights`, like torch::nn::functional::linear. Only `from` is
// kept for the backward pass, which calls `make_input` again: for inputs that are large and cheap,
// as a norm's output is. Gradients of leaves that `make_input` uses are added to their .grad.
std::vector<torch::Tensor> linears_of(
    const std::vector<torch::Tensor>& from,
    std::function<torch::Tensor(const std::vector<torch::Tensor>&)> make_input,
    const std::vector<LinearWeights>& weights);

}  // namespace retmask
