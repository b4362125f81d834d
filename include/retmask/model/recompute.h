#pragma once
// Activation checkpointing (Chen et al. 2016): forward keeps only the input, backward computes the
// rest again.

#include <torch/torch.h>

#include <cstdint>
#include <functional>

#include "retmask/model/weight_gatherer.h"

namespace retmask {

// Equal to function(input), with the gradients of `input` and of every leaf that `function` uses.
// Without gradients being recorded it simply calls `function`. `gatherer` is told of each use of
// `part`; not null, it outlives the backward pass.
torch::Tensor recompute_in_backward(std::function<torch::Tensor(const torch::Tensor&)> function,
                                    const torch::Tensor& input,
                                    WeightGatherer* gatherer = nullptr,
                                    int64_t part = 0);

}  // namespace retmask
