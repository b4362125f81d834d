#pragma once
// Activation checkpointing (Chen et al. 2016): forward keeps only the input, backward computes the
// rest again.

#include <torch/torch.h>

#include <functional>

namespace retmask {

// Equal to function(input), with the gradients of `input` and of every leaf that `function` uses.
// Without gradients being recorded it simply calls `function`.
torch::Tensor recompute_in_backward(std::function<torch::Tensor(const torch::Tensor&)> function,
                                    const torch::Tensor& input);

}  // namespace retmask
