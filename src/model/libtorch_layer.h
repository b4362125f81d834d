#pragma once
// The decoder layer with plain libtorch operations, on any device, without gradients: the reference
// for the other implementations.

#include "decoder_layer.h"

namespace retmask {

std::shared_ptr<const DecoderLayer> make_libtorch_layer(const LayerShape& shape,
                                                        const LayerParameters& parameters);

// The two operations that the prompts of cuda_layer share.

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
