#pragma once
// CPU kernel versions of the decoder layer's steps between matrix products: multi-threaded, without
// gradients. Each computes the same as the libtorch path in decoder.cpp.

#include <torch/torch.h>

#include <optional>

#include "decoder.h"

namespace retmask {

// x [T, width] -> the same shape.
torch::Tensor cpu_rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

// [T, 2 * width], gate and then up -> silu(gate) * up: [T, width]
torch::Tensor cpu_silu_multiply(const torch::Tensor& gate_up);

// In place: normalises heads [T, n, D] (rows may be strided) as `kind` says (with none, `norm` is
// empty) and rotates them.
void cpu_rotate_heads(const torch::Tensor& heads,
                      const RmsNorm& norm,
                      QkNorm kind,
                      const Rotation& rotation);

// store_blocks, without intermediate copies.
void cpu_store_blocks(const ProjectedHeads& heads,
                      const KeyValueBlocks::Layer& cache,
                      const ForwardContext& context);

// Attention of each sequence with exactly one new token over its cache blocks, written to its row
// of output [T, H, D]; other rows are untouched. gate [S, H] and largest [S, H] int64 may be
// undefined. q [T, H, D], rows may be strided.
void cpu_decode_attention(const torch::Tensor& q,
                          const PackedBatch& batch,
                          const KeyValueBlocks::Layer& cache,
                          std::optional<int64_t> sliding_window,
                          const torch::Tensor& gate,
                          const torch::Tensor& output,
                          const torch::Tensor& largest);

}  // namespace retmask
