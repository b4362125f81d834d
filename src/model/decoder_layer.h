#pragma once
// The decoder layer of all families. forward() is the layer as in the papers, written once; the
// operations in it are virtual, with one implementation per way of running a model:
//
//   libtorch_layer   plain libtorch on any device: the reference for the others
//   training_layer   with gradients, whole sequences
//   cpu_layer        CPU kernels on prepared weights
//   cuda_layer       GPU kernels on prepared weights: prompts, and one new token per sequence
//
// Families differ by ModelConfig and LayerConfig only. Shapes: T tokens, H query heads, Hkv
// key/value heads, D head_dim; see model/attention.h.

#include <torch/types.h>

#include <memory>
#include <optional>
#include <vector>

#include "cache_access.h"
#include "forward_context.h"
#include "parameters.h"
#include "retmask/model/config.h"

namespace retmask {

struct LayerShape {
  int64_t layer = 0;
  size_t rope_index = 0;  // into ForwardContext::rotations
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;
  QkNorm qk_norm = QkNorm::none;
  NormPlacement norm_placement = NormPlacement::pre;
  std::optional<int64_t> sliding_window;
};
LayerShape layer_shape(const ModelConfig& config, int64_t layer, const RopeSet& ropes);

// The heads of a layer's tokens. Views may be strided.
struct ProjectedHeads {
  torch::Tensor q;  // [T, H, D]
  torch::Tensor k;  // [T, Hkv, D]
  torch::Tensor v;  // [T, Hkv, D]
};
// Views of qkv [T, (H + 2 Hkv) * D].
ProjectedHeads split_heads(const torch::Tensor& qkv, const LayerShape& shape);

class DecoderLayer {
 public:
  DecoderLayer(const LayerShape& shape, const LayerParameters& parameters);
  virtual ~DecoderLayer() = default;
  DecoderLayer(const DecoderLayer&) = delete;
  DecoderLayer& operator=(const DecoderLayer&) = delete;

  // x [T, hidden] -> [T, hidden]
  torch::Tensor forward(const torch::Tensor& x, const ForwardContext& context) const;

  // RMSNorm over the last dimension of x.
  virtual torch::Tensor normalize(const torch::Tensor& x, const RmsNorm& norm) const = 0;

  // u [n, hidden] -> u W_o: [n, H * D] float32, what each head's output would add to u's product
  // with the layer's. For inference.
  virtual torch::Tensor project_onto_heads(const torch::Tensor& u) const;

 protected:
  // Where an operation takes `norm`, its input is normalize(x, norm), or x if `norm` is empty.
  torch::Tensor normalize_input(const torch::Tensor& x, const RmsNorm& norm) const {
    return norm.is_empty() ? x : normalize(x, norm);
  }
  // Keys and values of sequence `s`, which begins at row `start`, once attend() has stored them.
  virtual SequenceKeys keys_of(const ProjectedHeads& heads,
                               size_t s,
                               int64_t start,
                               const PackedBatch& batch) const;
  const Rotation& rotation(const ForwardContext& context) const {
    return context.rotations[shape_.rope_index];
  }

  const LayerShape shape_;
  const RmsNorm q_norm_, k_norm_;  // empty without QK-norm

 private:
  // Queries, keys and values of x [T, hidden], after QK-norm and RoPE.
  virtual ProjectedHeads project(const torch::Tensor& x,
                                 const RmsNorm& norm,
                                 const ForwardContext& context) const = 0;
  // Causal attention of each sequence within the window -> [T, H * D]. Stores keys and values in
  // the cache, multiplies by the gate and fills the probe, where the batch has them.
  virtual torch::Tensor attend(const ProjectedHeads& heads,
                               const ForwardContext& context) const = 0;
  // attended W_o^T (+ b) (+ residual): [T, hidden]
  virtual torch::Tensor project_output(const torch::Tensor& attended,
                                       const torch::Tensor& residual) const = 0;
  // SwiGLU of x (+ residual): [T, hidden]
  virtual torch::Tensor mlp(const torch::Tensor& x,
                            const RmsNorm& norm,
                            const torch::Tensor& residual,
                            const ForwardContext& context) const = 0;

  torch::Tensor attention(const torch::Tensor& x,
                          const RmsNorm& norm,
                          const torch::Tensor& residual,
                          const ForwardContext& context) const;
  // `attended` with the means of the gate in the place of the heads that are off.
  torch::Tensor put_means(const torch::Tensor& attended, const ForwardContext& context) const;
  void show_rows(const ProjectedHeads& heads, const PackedBatch& batch) const;

  const RmsNorm attention_norm_, mlp_norm_;
};

using DecoderLayers = std::vector<std::shared_ptr<const DecoderLayer>>;

// Without gradients.
std::shared_ptr<const DecoderLayer> make_libtorch_layer(const LayerShape& shape,
                                                        const LayerParameters& parameters);

// Without cache, gate or probe. `recompute_inputs`: the backward pass recomputes norms and SwiGLU
// instead of keeping them (selective activation checkpointing): half of what full checkpointing
// saves, at half its cost (tests/bench/RESULTS.md).
std::shared_ptr<const DecoderLayer> make_training_layer(const LayerShape& shape,
                                                        const LayerParameters& parameters,
                                                        bool recompute_inputs);

// Moves the matrices out of `parameters`. A token's result does not depend on the other sequences
// of the batch, to the last bit.
std::shared_ptr<const DecoderLayer> make_cpu_layer(const LayerShape& shape,
                                                   const LayerParameters& parameters);

// Both compute the same layer, from one copy of the matrices, which move out of `parameters`.
// Prompts use libtorch for norms and attention; a step of one new token per sequence (DecodeBatch)
// uses it for norms alone.
struct CudaLayer {
  std::shared_ptr<const DecoderLayer> prompts;
  std::shared_ptr<const DecoderLayer> decode;  // null without a kernel for the head size
};
CudaLayer make_cuda_layer(const LayerShape& shape, const LayerParameters& parameters);

// Whether the attention of DecodeBatch has a kernel for these heads.
bool has_cuda_decode(int64_t head_dim);

}  // namespace retmask
