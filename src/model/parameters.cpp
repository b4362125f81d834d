#include "parameters.h"

#include <torch/nn/modules/container/modulelist.h>

#include "families.h"

namespace retmask {
namespace {

// Uninitialised. For the meta device this is a CPU tensor without storage: a libtorch meta tensor
// cannot be given storage later.
torch::Tensor empty_weight(torch::IntArrayRef sizes, torch::TensorOptions options) {
  if (!options.device().is_meta()) return torch::empty(sizes, options);
  torch::Tensor weight = torch::from_blob(nullptr, sizes, options.device(torch::kCPU));
  weight.storage().unsafeGetStorageImpl()->set_nbytes(0);
  return weight;
}

int64_t query_width(const ModelConfig& config) {
  return config.num_attention_heads * config.head_dim;
}

int64_t key_width(const ModelConfig& config) {
  return config.num_key_value_heads * config.head_dim;
}

}  // namespace

LinearImpl::LinearImpl(int64_t in_features,
                       int64_t out_features,
                       bool with_bias,
                       torch::TensorOptions options) {
  weight = register_parameter(
      "weight", empty_weight({out_features, in_features}, options), /*requires_grad=*/false);
  if (with_bias) {
    bias =
        register_parameter("bias", empty_weight({out_features}, options), /*requires_grad=*/false);
  }
}

RmsNormImpl::RmsNormImpl(int64_t width, double norm_eps, torch::TensorOptions options)
    : eps(norm_eps) {
  weight = register_parameter("weight", empty_weight({width}, options), /*requires_grad=*/false);
}

AttentionParametersImpl::AttentionParametersImpl(const ModelConfig& config,
                                                 torch::TensorOptions options)
    : q_proj(config.hidden_size, query_width(config), config.attention_bias, options),
      k_proj(config.hidden_size, key_width(config), config.attention_bias, options),
      v_proj(config.hidden_size, key_width(config), config.attention_bias, options),
      o_proj(query_width(config), config.hidden_size, config.attention_bias, options) {
  register_module("q_proj", q_proj);
  register_module("k_proj", k_proj);
  register_module("v_proj", v_proj);
  register_module("o_proj", o_proj);
  if (config.qk_norm == QkNorm::none) return;
  const bool per_head = config.qk_norm == QkNorm::per_head;
  const int64_t q_size = per_head ? config.head_dim : query_width(config);
  const int64_t k_size = per_head ? config.head_dim : key_width(config);
  q_norm = register_module("q_norm", RmsNorm(q_size, config.rms_norm_eps, options));
  k_norm = register_module("k_norm", RmsNorm(k_size, config.rms_norm_eps, options));
}

MlpParametersImpl::MlpParametersImpl(const ModelConfig& config, torch::TensorOptions options)
    : gate_proj(config.hidden_size, config.intermediate_size, config.mlp_bias, options),
      up_proj(config.hidden_size, config.intermediate_size, config.mlp_bias, options),
      down_proj(config.intermediate_size, config.hidden_size, config.mlp_bias, options) {
  register_module("gate_proj", gate_proj);
  register_module("up_proj", up_proj);
  register_module("down_proj", down_proj);
}

LayerParametersImpl::LayerParametersImpl(const ModelConfig& config, torch::TensorOptions options)
    : self_attn(config, options),
      mlp(config, options),
      attention_norm(config.hidden_size, config.rms_norm_eps, options),
      mlp_norm(config.hidden_size, config.rms_norm_eps, options) {
  const NormNames names = norm_names(config.norm_placement);
  register_module("self_attn", self_attn);
  register_module("mlp", mlp);
  register_module(std::string(names.attention), attention_norm);
  register_module(std::string(names.mlp), mlp_norm);
}

BackboneParametersImpl::BackboneParametersImpl(const ModelConfig& config,
                                               torch::TensorOptions options)
    : embed_tokens(config.hidden_size, config.vocab_size, /*with_bias=*/false, options),
      norm(config.hidden_size, config.rms_norm_eps, options) {
  register_module("embed_tokens", embed_tokens);
  auto list = register_module("layers", torch::nn::ModuleList());
  for (int64_t i = 0; i < config.num_hidden_layers(); ++i) {
    layers.emplace_back(config, options);
    list->push_back(layers.back());
  }
  register_module("norm", norm);
}

ModelParametersImpl::ModelParametersImpl(const ModelConfig& config, torch::TensorOptions options)
    : model(config, options) {
  register_module("model", model);
  if (config.tie_word_embeddings) return;
  lm_head = register_module(
      "lm_head", Linear(config.hidden_size, config.vocab_size, /*with_bias=*/false, options));
}

}  // namespace retmask
