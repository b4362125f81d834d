#pragma once
// The decoder layer with gradients, for whole sequences: no cache, gate or probe.

#include <cstdint>
#include <functional>

#include "decoder_layer.h"
#include "retmask/model/weight_gatherer.h"

namespace retmask {

// `recompute_inputs`: the backward pass recomputes norms and SwiGLU instead of keeping them
// (selective activation checkpointing): half of what full checkpointing saves, at half its cost
// (tests/bench/RESULTS.md).
std::shared_ptr<const DecoderLayer> make_training_layer(const LayerShape& shape,
                                                        const LayerParameters& parameters,
                                                        bool recompute_inputs);

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
