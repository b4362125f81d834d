#pragma once
// The decoder layer with gradients, for whole sequences: no cache, gate or probe.

#include "decoder_layer.h"

namespace retmask {

// `recompute_inputs`: the backward pass recomputes norms and SwiGLU instead of keeping them
// (selective activation checkpointing): half of what full checkpointing saves, at half its cost
// (tests/bench/RESULTS.md).
std::shared_ptr<const DecoderLayer> make_training_layer(const LayerShape& shape,
                                                        const LayerParameters& parameters,
                                                        bool recompute_inputs);

}  // namespace retmask
