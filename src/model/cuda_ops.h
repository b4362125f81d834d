#pragma once
// GPU kernel versions of the decoder layer's steps, without gradients; each computes the same as
// the libtorch path in decoder.cpp. Present in builds with a CUDA compiler (cuda_ops.cpp, else
// no_cuda_ops.cpp).

#include <torch/torch.h>

#include <optional>

#include "decoder.h"
#include "retmask/model/decode.h"

namespace retmask {

bool has_cuda_kernels();
// Whether the attention of DecodeBatch has a kernel for these heads.
bool has_cuda_decode(int64_t head_dim);

// [T, 2 * width], gate and then up -> silu(gate) * up: [T, width]
torch::Tensor cuda_silu_multiply(const torch::Tensor& gate_up);

// Normalises each head (if there are norms), rotates it, and stores k and v in the blocks of the
// layer. q is changed in place; k and v are not.
void cuda_rotate_and_store(const ProjectedHeads& heads,
                           const RmsNorm& q_norm,
                           const RmsNorm& k_norm,
                           const Rotation& rotation,
                           int64_t layer,
                           const DecodeBatch& batch);

// Rotated q [S, H, D], rows may be strided -> [S, H * D], gate applied.
torch::Tensor cuda_decode_attention(const torch::Tensor& q,
                                    std::optional<int64_t> sliding_window,
                                    int64_t layer,
                                    const DecodeBatch& batch);

}  // namespace retmask
