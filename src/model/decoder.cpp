#include "decoder.h"

#include "decode_attention.h"
#include "families.h"

namespace retmask {

LinearImpl::LinearImpl(int64_t in_features,
                       int64_t out_features,
                       bool with_bias,
                       torch::TensorOptions options) {
  weight = register_parameter(
      "weight", torch::empty({out_features, in_features}, options), /*requires_grad=*/false);
  if (with_bias)
    bias =
        register_parameter("bias", torch::empty({out_features}, options), /*requires_grad=*/false);
}

torch::Tensor LinearImpl::forward(const torch::Tensor& x) const {
  return torch::nn::functional::linear(x, weight, bias);
}

RmsNormImpl::RmsNormImpl(int64_t width, double eps, torch::TensorOptions options) : eps_(eps) {
  weight = register_parameter("weight", torch::empty({width}, options), /*requires_grad=*/false);
}

torch::Tensor RmsNormImpl::forward(const torch::Tensor& x) const {
  return at::rms_norm(x, {weight.size(0)}, weight, eps_);
}

SelfAttentionImpl::SelfAttentionImpl(const ModelConfig& config,
                                     int64_t layer,
                                     size_t rope_index,
                                     torch::TensorOptions options)
    : config_(config),
      layer_(layer),
      rope_index_(rope_index),
      q_proj_(config.hidden_size,
              config.num_attention_heads * config.head_dim,
              config.attention_bias,
              options),
      k_proj_(config.hidden_size,
              config.num_key_value_heads * config.head_dim,
              config.attention_bias,
              options),
      v_proj_(config.hidden_size,
              config.num_key_value_heads * config.head_dim,
              config.attention_bias,
              options),
      o_proj_(config.num_attention_heads * config.head_dim,
              config.hidden_size,
              config.attention_bias,
              options) {
  register_module("q_proj", q_proj_);
  register_module("k_proj", k_proj_);
  register_module("v_proj", v_proj_);
  register_module("o_proj", o_proj_);
  if (config.qk_norm == QkNorm::none) return;
  const bool per_head = config.qk_norm == QkNorm::per_head;
  const int64_t q_heads = per_head ? 1 : config.num_attention_heads;
  const int64_t k_heads = per_head ? 1 : config.num_key_value_heads;
  q_norm_ =
      register_module("q_norm", RmsNorm(q_heads * config.head_dim, config.rms_norm_eps, options));
  k_norm_ =
      register_module("k_norm", RmsNorm(k_heads * config.head_dim, config.rms_norm_eps, options));
}

torch::Tensor SelfAttentionImpl::forward(const torch::Tensor& x, const ForwardContext& context) {
  torch::Tensor q = q_proj_(x);  // [T, H * D]
  torch::Tensor k = k_proj_(x);  // [T, Hkv * D]
  torch::Tensor v = v_proj_(x);  // [T, Hkv * D]
  if (config_.qk_norm == QkNorm::full_width) {
    q = q_norm_(q);
    k = k_norm_(k);
  }
  q = q.view({-1, config_.num_attention_heads, config_.head_dim});
  k = k.view({-1, config_.num_key_value_heads, config_.head_dim});
  v = v.view({-1, config_.num_key_value_heads, config_.head_dim});
  if (config_.qk_norm == QkNorm::per_head) {
    q = q_norm_(q);
    k = k_norm_(k);
  }
  q = apply_rotation(q, context.rotations[rope_index_]);
  k = apply_rotation(k, context.rotations[rope_index_]);

  torch::Tensor heads = attend(q, k, v, context);  // [T, H, D]
  if (context.batch.gate != nullptr) {
    const torch::Tensor& gate = context.batch.gate->layer(layer_);  // [S, H]
    if (gate.defined()) heads = heads * gate.index_select(0, context.token_sequence).unsqueeze(-1);
  }
  return o_proj_(heads.flatten(1));
}

torch::Tensor SelfAttentionImpl::attend(const torch::Tensor& q,
                                        const torch::Tensor& k,
                                        const torch::Tensor& v,
                                        const ForwardContext& context) const {
  const PackedBatch& batch = context.batch;
  const auto window = config_.layers[layer_].sliding_window;
  const auto num_sequences = static_cast<int64_t>(batch.lengths.size());
  std::vector<KeyValueStore::Keys> keys;  // per sequence, [K, Hkv, D]
  int64_t start = 0;
  for (int64_t s = 0; s < num_sequences; start += batch.lengths[s++]) {
    const torch::Tensor own_keys = k.narrow(0, start, batch.lengths[s]);
    const torch::Tensor own_values = v.narrow(0, start, batch.lengths[s]);
    keys.push_back(batch.store != nullptr ? batch.store->update(layer_, s, own_keys, own_values)
                                          : KeyValueStore::Keys{own_keys, own_values});
  }

  std::vector<torch::Tensor> outputs;
  std::vector<torch::Tensor> largest;
  const bool single_tokens = q.size(0) == num_sequences;
  const bool decode =
      single_tokens && batch.store != nullptr && q.is_cpu() && !torch::GradMode::is_enabled();
  if (decode) outputs.push_back(decode_attention_cpu(q, keys, window));
  start = 0;
  for (int64_t s = 0; s < num_sequences; start += batch.lengths[s++]) {
    if (batch.probe != nullptr)
      largest.push_back(largest_key(q[start + batch.lengths[s] - 1], keys[s].keys, window));
    if (!decode)
      outputs.push_back(
          attention(q.narrow(0, start, batch.lengths[s]), keys[s].keys, keys[s].values, window));
  }
  if (batch.probe != nullptr) batch.probe->record(torch::stack(largest));
  return outputs.size() == 1 ? outputs[0] : torch::cat(outputs);
}

MlpImpl::MlpImpl(const ModelConfig& config, torch::TensorOptions options)
    : gate_proj_(config.hidden_size, config.intermediate_size, config.mlp_bias, options),
      up_proj_(config.hidden_size, config.intermediate_size, config.mlp_bias, options),
      down_proj_(config.intermediate_size, config.hidden_size, config.mlp_bias, options) {
  register_module("gate_proj", gate_proj_);
  register_module("up_proj", up_proj_);
  register_module("down_proj", down_proj_);
}

torch::Tensor MlpImpl::forward(const torch::Tensor& x) {
  return down_proj_(torch::silu(gate_proj_(x)) * up_proj_(x));
}

DecoderLayerImpl::DecoderLayerImpl(const ModelConfig& config,
                                   int64_t layer,
                                   size_t rope_index,
                                   torch::TensorOptions options)
    : placement_(config.norm_placement),
      self_attn_(config, layer, rope_index, options),
      mlp_(config, options),
      attention_norm_(config.hidden_size, config.rms_norm_eps, options),
      mlp_norm_(config.hidden_size, config.rms_norm_eps, options) {
  const NormNames names = norm_names(placement_);
  register_module("self_attn", self_attn_);
  register_module("mlp", mlp_);
  register_module(std::string(names.attention), attention_norm_);
  register_module(std::string(names.mlp), mlp_norm_);
}

torch::Tensor DecoderLayerImpl::forward(const torch::Tensor& x, const ForwardContext& context) {
  if (placement_ == NormPlacement::pre) {
    const torch::Tensor attended = x + self_attn_(attention_norm_(x), context);
    return attended + mlp_(mlp_norm_(attended));
  }
  const torch::Tensor attended = x + attention_norm_(self_attn_(x, context));
  return attended + mlp_norm_(mlp_(attended));
}

}  // namespace retmask
