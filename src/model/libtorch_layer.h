#pragma once
// Operations of the decoder layer with plain libtorch, on any device, that the prompts of
// cuda_layer share.

#include "decoder_layer.h"

namespace retmask {

// q [T, H * D] and k, v [T, Hkv * D] as projected -> after QK-norm (norms may be empty) and RoPE.
ProjectedHeads normalize_and_rotate(torch::Tensor q,
                                    torch::Tensor k,
                                    torch::Tensor v,
                                    const LayerShape& shape,
                                    const RmsNorm& q_norm,
                                    const RmsNorm& k_norm,
                                    const Rotation& rotation);

// DecoderLayer::attend.
torch::Tensor attend_with_libtorch(const ProjectedHeads& heads,
                                   const LayerShape& shape,
                                   const ForwardContext& context);

}  // namespace retmask
