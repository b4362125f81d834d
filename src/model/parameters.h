#pragma once
// The weights as parameters, under the names of the checkpoint. These modules only hold tensors;
// decoder_layer.h computes with them.

#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>
#include <torch/types.h>

#include <vector>

#include "retmask/model/config.h"

namespace retmask {

// y = x W^T + b. Uninitialised, unlike torch::nn::Linear: the weights come from a checkpoint.
struct LinearImpl : torch::nn::Module {
  LinearImpl(int64_t in_features,
             int64_t out_features,
             bool with_bias,
             torch::TensorOptions options);
  torch::Tensor weight;  // [out, in]
  torch::Tensor bias;    // [out] or undefined
};
TORCH_MODULE(Linear);

// x / sqrt(mean(x^2) + eps) * weight over the last dimension (Zhang & Sennrich 2019).
struct RmsNormImpl : torch::nn::Module {
  RmsNormImpl(int64_t width, double eps, torch::TensorOptions options);
  torch::Tensor weight;  // [width]
  const double eps;
};
TORCH_MODULE(RmsNorm);

struct AttentionParametersImpl : torch::nn::Module {
  AttentionParametersImpl(const ModelConfig& config, torch::TensorOptions options);
  Linear q_proj, k_proj, v_proj, o_proj;
  RmsNorm q_norm{nullptr}, k_norm{nullptr};  // empty without QK-norm
};
TORCH_MODULE(AttentionParameters);

// SwiGLU (Shazeer 2020): down(silu(gate(x)) * up(x)).
struct MlpParametersImpl : torch::nn::Module {
  MlpParametersImpl(const ModelConfig& config, torch::TensorOptions options);
  Linear gate_proj, up_proj, down_proj;
};
TORCH_MODULE(MlpParameters);

struct LayerParametersImpl : torch::nn::Module {
  LayerParametersImpl(const ModelConfig& config, torch::TensorOptions options);
  AttentionParameters self_attn;
  MlpParameters mlp;
  RmsNorm attention_norm, mlp_norm;  // before or after the two (NormPlacement)
};
TORCH_MODULE(LayerParameters);

// "model." in the names of the checkpoint: everything but lm_head.
struct BackboneParametersImpl : torch::nn::Module {
  BackboneParametersImpl(const ModelConfig& config, torch::TensorOptions options);
  Linear
      embed_tokens;  // rows of the weight are the tokens' vectors; a tied head multiplies with it
  std::vector<LayerParameters> layers;
  RmsNorm norm;
};
TORCH_MODULE(BackboneParameters);

struct ModelParametersImpl : torch::nn::Module {
  ModelParametersImpl(const ModelConfig& config, torch::TensorOptions options);
  const Linear& head() const { return lm_head.is_empty() ? model->embed_tokens : lm_head; }
  BackboneParameters model;
  Linear lm_head{nullptr};  // empty with tied embeddings
};
TORCH_MODULE(ModelParameters);

}  // namespace retmask
