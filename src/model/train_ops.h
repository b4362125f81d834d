#pragma once
// Decoder layer steps with gradients, other than matrix products. They use our kernels and keep
// only their inputs for the backward pass. libtorch runs norms on a GPU, and all of them where a
// build has no kernels for the device.

#include <torch/types.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "retmask/model/weight_gatherer.h"
#include "rope.h"

namespace retmask {

// x [..., width] / sqrt(mean(x^2) + eps) * weight [width] over the last dimension.
torch::Tensor rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

// silu(gate) * up, all of one shape.
torch::Tensor silu_multiply(const torch::Tensor& gate, const torch::Tensor& up);

// The version of silu_multiply without our kernels; runs on any device.
torch::Tensor device_silu_multiply(const torch::Tensor& gate, const torch::Tensor& up);

// apply_rotation with gradients: x [T, heads, head_dim].
torch::Tensor rotate_heads(const torch::Tensor& x, const Rotation& rotation);

// Weight [out, in] and bias [out] (or undefined) of a matrix product.
struct LinearWeights {
  torch::Tensor weight;
  torch::Tensor bias;
};

// Applies each of `weights` to `make_input(from)`, like torch::nn::functional::linear. Only `from`
// is kept for the backward pass, which calls `make_input` again: for inputs that are large but
// cheap, such as the output of a norm. Gradients of leaves that `make_input` uses are accumulated
// in their .grad.
std::vector<torch::Tensor> linears_of(
    const std::vector<torch::Tensor>& from,
    std::function<torch::Tensor(const std::vector<torch::Tensor>&)> make_input,
    const std::vector<LinearWeights>& weights);

// Full activation checkpointing (Chen et al. 2016): the forward pass keeps only the input, the
// backward pass recomputes the rest.
//
// Equal to function(input), with gradients for `input` and every leaf that `function` uses. Calls
// `function` directly when gradients are off. `gatherer` is told of each use of `part`; unless
// null, it must outlive the backward pass.
torch::Tensor recompute_in_backward(std::function<torch::Tensor(const torch::Tensor&)> function,
                                    const torch::Tensor& input,
                                    WeightGatherer* gatherer = nullptr,
                                    int64_t part = 0);

}  // namespace retmask
