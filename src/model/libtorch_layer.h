#pragma once
// Attention with plain libtorch, on any device, which the prompts of cuda_layer share.

#include "decoder_layer.h"

namespace retmask {

// DecoderLayer::attend, once the keys and values are stored.
torch::Tensor attend_with_libtorch(const ProjectedHeads& heads,
                                   const LayerShape& shape,
                                   const ForwardContext& context);

}  // namespace retmask
