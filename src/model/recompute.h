#pragma once
// Activation checkpointing (Chen et al. 2016): the forward pass keeps only the input, the backward
// pass recomputes the rest.

#include <torch/torch.h>

#include <cstdint>
#include <functional>

#include "retmask/model/weight_gatherer.h"

namespace retmask {

// Equal to function(input), with gradients for `input` and every leaf that `function` uses. Calls
// `function` directly when gradients are off. `gatherer` is told of each use of `part`; unless
// null, it must outlive the backward pass.
torch::Tensor recompute_in_backward(std::function<torch::Tensor(const torch::Tensor&)> function,
                                    const torch::Tensor& input,
                                    WeightGatherer* gatherer = nullptr,
                                    int64_t part = 0);

}  // namespace retmask
