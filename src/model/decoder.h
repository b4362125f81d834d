#pragma once
// The one decoder layer. What differs between families is in ModelConfig and LayerConfig.
// Shapes: T tokens, H query heads, Hkv key/value heads, D head_dim; see model/attention.h.

#include <torch/torch.h>

#include "retmask/model/attention.h"
#include "retmask/model/config.h"
#include "rope.h"

namespace retmask {

// y = x W^T + b. Unlike torch::nn::Linear it does not initialise its weights: they come from a
// checkpoint.
class LinearImpl : public torch::nn::Module {
 public:
  LinearImpl(int64_t in_features,
             int64_t out_features,
             bool with_bias,
             torch::TensorOptions options);
  torch::Tensor forward(const torch::Tensor& x) const;

  torch::Tensor weight;  // [out, in]
  torch::Tensor bias;    // [out] or undefined
};
TORCH_MODULE(Linear);

// x / sqrt(mean(x^2) + eps) * weight over the last dimension (Zhang & Sennrich 2019).
class RmsNormImpl : public torch::nn::Module {
 public:
  RmsNormImpl(int64_t width, double eps, torch::TensorOptions options);
  torch::Tensor forward(const torch::Tensor& x) const;

  torch::Tensor weight;  // [width]

 private:
  double eps_;
};
TORCH_MODULE(RmsNorm);

// What all layers of one forward call share. Held by value: a layer that is computed again in the
// backward pass needs it after the call has returned.
struct ForwardContext {
  PackedBatch batch;
  std::vector<Rotation> rotations;
  torch::Tensor token_sequence;  // [T]: the sequence of each token; only with a gate
};

class SelfAttentionImpl : public torch::nn::Module {
 public:
  SelfAttentionImpl(const ModelConfig& config,
                    int64_t layer,
                    size_t rope_index,
                    torch::TensorOptions options);
  // x [T, hidden] -> [T, hidden]
  torch::Tensor forward(const torch::Tensor& x, const ForwardContext& context);

 private:
  torch::Tensor attend(const torch::Tensor& q,
                       const torch::Tensor& k,
                       const torch::Tensor& v,
                       const ForwardContext& context) const;

  const ModelConfig config_;
  int64_t layer_;
  size_t rope_index_;
  Linear q_proj_, k_proj_, v_proj_, o_proj_;
  RmsNorm q_norm_{nullptr}, k_norm_{nullptr};
};
TORCH_MODULE(SelfAttention);

// SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x)).
class MlpImpl : public torch::nn::Module {
 public:
  MlpImpl(const ModelConfig& config, torch::TensorOptions options);
  torch::Tensor forward(const torch::Tensor& x);

 private:
  Linear gate_proj_, up_proj_, down_proj_;
};
TORCH_MODULE(Mlp);

class DecoderLayerImpl : public torch::nn::Module {
 public:
  DecoderLayerImpl(const ModelConfig& config,
                   int64_t layer,
                   size_t rope_index,
                   torch::TensorOptions options);
  torch::Tensor forward(const torch::Tensor& x, const ForwardContext& context);

 private:
  NormPlacement placement_;
  SelfAttention self_attn_;
  Mlp mlp_;
  RmsNorm attention_norm_, mlp_norm_;
};
TORCH_MODULE(DecoderLayer);

}  // namespace retmask
