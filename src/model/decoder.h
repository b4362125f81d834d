#pragma once
// The decoder layer of all families; their differences are in ModelConfig and LayerConfig. Shapes:
// T tokens, H query heads, Hkv key/value heads, D head_dim; see model/attention.h.

#include <torch/torch.h>

#include <memory>

#include "packed_attention.h"
#include "packed_matrix.h"
#include "retmask/model/attention.h"
#include "retmask/model/config.h"
#include "rope.h"

namespace retmask {

struct DecodeBatch;
struct VarlenPlan;

// State shared by all layers of one forward call. Held by value: a layer that is recomputed in the
// backward pass needs it after the call has returned.
struct ForwardContext {
  PackedBatch batch = {};
  std::vector<Rotation> rotations = {};
  torch::Tensor token_sequence = {};  // [T]: the sequence of each token; only with a gate
  torch::Tensor token_blocks = {};    // [T]: the cache block of each token; only with a cache
  torch::Tensor token_rows = {};      // [T]: and its row there
  // Below the first difference: the row of `batch` that stands for each token of all sequences;
  // token_blocks and token_rows then locate those tokens. Undefined: each token stands for itself.
  torch::Tensor row_of_token = {};
  // The weights are packed for the CPU kernels, which then also run the rest of the layer. False:
  // libtorch runs every step, on any device and with gradients.
  bool packed = false;
  // The backward pass recomputes norms and SwiGLU instead of keeping them.
  bool recompute_inputs = false;
  // On a GPU: attention of all sequences in one launch. Null: one sequence at a time.
  std::shared_ptr<const VarlenPlan> varlen = nullptr;
  PackedSequences sequences = {};  // only without a cache
  // On a GPU: one new token per sequence, with our own kernels; `batch` is then empty.
  const DecodeBatch* decode = nullptr;

  double* linear_seconds() const { return batch.times != nullptr ? &batch.times->linear : nullptr; }
  double* attention_seconds() const {
    return batch.times != nullptr ? &batch.times->attention : nullptr;
  }
};

// y = x W^T + b. Unlike torch::nn::Linear it leaves its weights uninitialised: they are loaded from
// a checkpoint.
class LinearImpl : public torch::nn::Module {
 public:
  LinearImpl(int64_t in_features,
             int64_t out_features,
             bool with_bias,
             torch::TensorOptions options);
  // x W^T (+ b) (+ residual)
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& residual = {}) const;
  void pack() { packed_ = PackedMatrix({this}); }

  torch::Tensor weight;  // [out, in]; empty once packed
  torch::Tensor bias;    // [out] or undefined

 private:
  PackedMatrix packed_;
};
TORCH_MODULE(Linear);

// x / sqrt(mean(x^2) + eps) * weight over the last dimension (Zhang & Sennrich 2019).
class RmsNormImpl : public torch::nn::Module {
 public:
  RmsNormImpl(int64_t width, double eps, torch::TensorOptions options);
  torch::Tensor forward(const torch::Tensor& x, const ForwardContext& context) const;

  torch::Tensor weight;  // [width]
  const double eps;
};
TORCH_MODULE(RmsNorm);

// The heads of a layer's new tokens, rotated. Views may be strided.
struct ProjectedHeads {
  torch::Tensor q;  // [T, H, D]
  torch::Tensor k;  // [T, Hkv, D]
  torch::Tensor v;  // [T, Hkv, D]
};

class SelfAttentionImpl : public torch::nn::Module {
 public:
  SelfAttentionImpl(const ModelConfig& config,
                    int64_t layer,
                    size_t rope_index,
                    torch::TensorOptions options);
  // x [T, hidden] -> (residual +) attention of input_norm(x): [T, hidden]. An empty input_norm
  // means x itself.
  torch::Tensor forward(const torch::Tensor& x,
                        const RmsNorm& input_norm,
                        const torch::Tensor& residual,
                        const ForwardContext& context) const;
  void pack();

 private:
  ProjectedHeads project(const torch::Tensor& x,
                         const RmsNorm& input_norm,
                         const ForwardContext& context) const;
  ProjectedHeads project_packed(const torch::Tensor& x, const ForwardContext& context) const;
  // Splits the product with qkv_ into heads: views.
  ProjectedHeads split_heads(const torch::Tensor& qkv) const;
  // [T, H * D], gate applied.
  torch::Tensor attend(const ProjectedHeads& heads, const ForwardContext& context) const;
  // [T, H, D], without the gate; fills the probe.
  torch::Tensor attend_one_by_one(const ProjectedHeads& heads, const ForwardContext& context) const;
  torch::Tensor attend_packed(const ProjectedHeads& heads, const ForwardContext& context) const;
  // x [S, hidden] -> [S, H * D], on a GPU; see DecodeBatch.
  torch::Tensor decode(const torch::Tensor& x, const ForwardContext& context) const;

  const ModelConfig config_;
  int64_t layer_;
  size_t rope_index_;
  Linear q_proj_, k_proj_, v_proj_, o_proj_;
  RmsNorm q_norm_{nullptr}, k_norm_{nullptr};
  PackedMatrix qkv_;  // q_proj_, k_proj_ and v_proj_ once packed
};
TORCH_MODULE(SelfAttention);

// SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x)).
class MlpImpl : public torch::nn::Module {
 public:
  MlpImpl(const ModelConfig& config, torch::TensorOptions options);
  // x [T, hidden] -> (residual +) MLP of input_norm(x), or of x if it is empty: [T, hidden]
  torch::Tensor forward(const torch::Tensor& x,
                        const RmsNorm& input_norm,
                        const torch::Tensor& residual,
                        const ForwardContext& context) const;
  void pack();

 private:
  Linear gate_proj_, up_proj_, down_proj_;
  PackedMatrix gate_up_;  // gate_proj_ and up_proj_ once packed
};
TORCH_MODULE(Mlp);

class DecoderLayerImpl : public torch::nn::Module {
 public:
  DecoderLayerImpl(const ModelConfig& config,
                   int64_t layer,
                   size_t rope_index,
                   torch::TensorOptions options);
  torch::Tensor forward(const torch::Tensor& x, const ForwardContext& context) const;
  // See CausalLm::pack.
  void pack();

 private:
  NormPlacement placement_;
  SelfAttention self_attn_;
  Mlp mlp_;
  RmsNorm attention_norm_, mlp_norm_;
};
TORCH_MODULE(DecoderLayer);

}  // namespace retmask
