#pragma once
// The steps of a decoder layer between its matrix products, by the CPU's kernels: spread over
// threads, without gradients. Each equals what decoder.cpp otherwise does with libtorch.

#include <torch/torch.h>

#include <optional>

#include "decoder.h"

namespace retmask {

// x [T, width] -> the same shape.
torch::Tensor cpu_rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

// [T, 2 * width], gate and then up -> silu(gate) * up: [T, width]
torch::Tensor cpu_silu_multiply(const torch::Tensor& gate_up);

// In place: heads [T, n, D] (rows may be strided) normalised as `kind` says (with none `norm`
// is empty) and rotated.
void cpu_rotate_heads(const torch::Tensor& heads,
                      const RmsNorm& norm,
                      QkNorm kind,
                      const Rotation& rotation);

// store_blocks, without copies of what lies in rows already.
void cpu_store_blocks(const ProjectedHeads& heads,
                      const KeyValueBlocks::Layer& cache,
                      const ForwardContext& context);

// Attention of every sequence that has one new token over its blocks of the cache, into its row of
// output [T, H, D]; other rows are left alone. gate [S, H] and largest [S, H] int64 may be
// undefined. q [T, H, D], rows may be strided.
void cpu_decode_attention(const torch::Tensor& q,
                          const PackedBatch& batch,
                          const KeyValueBlocks::Layer& cache,
                          std::optional<int64_t> sliding_window,
                          const torch::Tensor& gate,
                          const torch::Tensor& output,
                          const torch::Tensor& largest);

}  // namespace retmask
