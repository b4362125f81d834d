#include "decoder.h"

#include "block_access.h"
#include "cpu_ops.h"
#include "cuda_ops.h"
#include "families.h"
#include "packed_attention.h"
#include "train_ops.h"
#include "varlen_attention.h"

namespace retmask {
namespace {

torch::Tensor normalize(const torch::Tensor& x,
                        const RmsNorm& norm,
                        const ForwardContext& context) {
  return norm.is_empty() ? x : norm->forward(x, context);
}

// Applies each of `linears` to norm(x), or to x without a norm.
std::vector<torch::Tensor> multiply_each(const torch::Tensor& x,
                                         const RmsNorm& norm,
                                         const std::vector<Linear>& linears,
                                         const ForwardContext& context) {
  if (context.recompute_inputs && !norm.is_empty()) {
    std::vector<LinearWeights> weights;
    for (const Linear& linear : linears) weights.push_back({linear->weight, linear->bias});
    const auto make_input = [norm](const std::vector<torch::Tensor>& from) {
      return rms_norm(from[0], norm->weight, norm->eps);
    };
    return linears_of({x}, make_input, weights);
  }
  const torch::Tensor input = normalize(x, norm, context);
  std::vector<torch::Tensor> outputs;
  for (const Linear& linear : linears) outputs.push_back(linear->forward(input));
  return outputs;
}

// Uninitialised. For the meta device this is a CPU tensor without storage: a libtorch meta tensor
// cannot be given storage later.
torch::Tensor empty_weight(torch::IntArrayRef sizes, torch::TensorOptions options) {
  if (!options.device().is_meta()) return torch::empty(sizes, options);
  torch::Tensor weight = torch::from_blob(nullptr, sizes, options.device(torch::kCPU));
  weight.storage().unsafeGetStorageImpl()->set_nbytes(0);
  return weight;
}

}  // namespace

LinearImpl::LinearImpl(int64_t in_features,
                       int64_t out_features,
                       bool with_bias,
                       torch::TensorOptions options) {
  weight = register_parameter(
      "weight", empty_weight({out_features, in_features}, options), /*requires_grad=*/false);
  if (with_bias)
    bias =
        register_parameter("bias", empty_weight({out_features}, options), /*requires_grad=*/false);
}

torch::Tensor LinearImpl::forward(const torch::Tensor& x, const torch::Tensor& residual) const {
  if (packed_.defined()) return packed_.multiply(x, residual);
  const torch::Tensor y = torch::nn::functional::linear(x, weight, bias);
  return residual.defined() ? residual + y : y;
}

RmsNormImpl::RmsNormImpl(int64_t width, double norm_eps, torch::TensorOptions options)
    : eps(norm_eps) {
  weight = register_parameter("weight", empty_weight({width}, options), /*requires_grad=*/false);
}

torch::Tensor RmsNormImpl::forward(const torch::Tensor& x, const ForwardContext& context) const {
  if (context.packed) return cpu_rms_norm(x, weight, eps);
  return rms_norm(x, weight, eps);
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

torch::Tensor SelfAttentionImpl::forward(const torch::Tensor& x,
                                         const RmsNorm& input_norm,
                                         const torch::Tensor& residual,
                                         const ForwardContext& context) const {
  if (context.decode != nullptr)
    return o_proj_->forward(decode(normalize(x, input_norm, context), context), residual);
  const ProjectedHeads heads = context.packed
                                   ? project_packed(normalize(x, input_norm, context), context)
                                   : project(x, input_norm, context);
  torch::Tensor attended;  // [T, H * D]
  {
    const ScopedTimer timer(context.attention_seconds());
    attended = context.packed ? attend_packed(heads, context) : attend(heads, context);
  }
  const ScopedTimer timer(context.linear_seconds());
  return o_proj_->forward(attended, residual);
}

ProjectedHeads SelfAttentionImpl::project(const torch::Tensor& x,
                                          const RmsNorm& input_norm,
                                          const ForwardContext& context) const {
  torch::Tensor q, k, v;  // [T, H * D], [T, Hkv * D] twice
  if (qkv_.defined()) {
    const ProjectedHeads heads = split_heads(qkv_.multiply(normalize(x, input_norm, context)));
    q = heads.q.flatten(1);
    k = heads.k.flatten(1);
    v = heads.v.flatten(1);
  } else {
    const auto projected = multiply_each(x, input_norm, {q_proj_, k_proj_, v_proj_}, context);
    q = projected[0];
    k = projected[1];
    v = projected[2];
  }
  if (config_.qk_norm == QkNorm::full_width) {
    q = q_norm_->forward(q, context);
    k = k_norm_->forward(k, context);
  }
  q = q.view({-1, config_.num_attention_heads, config_.head_dim});
  k = k.view({-1, config_.num_key_value_heads, config_.head_dim});
  v = v.view({-1, config_.num_key_value_heads, config_.head_dim});
  if (config_.qk_norm == QkNorm::per_head) {
    q = q_norm_->forward(q, context);
    k = k_norm_->forward(k, context);
  }
  const Rotation& rotation = context.rotations[rope_index_];
  return {rotate_heads(q, rotation), rotate_heads(k, rotation), v};
}

ProjectedHeads SelfAttentionImpl::project_packed(const torch::Tensor& x,
                                                 const ForwardContext& context) const {
  ProjectedHeads heads;
  {
    const ScopedTimer timer(context.linear_seconds());
    heads = split_heads(qkv_.multiply(x));
  }
  const ScopedTimer timer(context.attention_seconds());
  const Rotation& rotation = context.rotations[rope_index_];
  cpu_rotate_heads(heads.q, q_norm_, config_.qk_norm, rotation);
  cpu_rotate_heads(heads.k, k_norm_, config_.qk_norm, rotation);
  return heads;
}

ProjectedHeads SelfAttentionImpl::split_heads(const torch::Tensor& qkv) const {
  const int64_t q_heads = config_.num_attention_heads;
  const int64_t kv_heads = config_.num_key_value_heads;
  const torch::Tensor heads = qkv.view({-1, q_heads + 2 * kv_heads, config_.head_dim});
  return {heads.narrow(1, 0, q_heads),
          heads.narrow(1, q_heads, kv_heads),
          heads.narrow(1, q_heads + kv_heads, kv_heads)};
}

torch::Tensor SelfAttentionImpl::decode(const torch::Tensor& x,
                                        const ForwardContext& context) const {
  ProjectedHeads heads = split_heads(qkv_.multiply(x));
  if (config_.qk_norm == QkNorm::full_width) {
    heads.q = q_norm_->forward(heads.q.flatten(1), context).view(heads.q.sizes());
    heads.k = k_norm_->forward(heads.k.flatten(1), context).view(heads.k.sizes());
  }
  const bool per_head = config_.qk_norm == QkNorm::per_head;
  cuda_rotate_and_store(heads,
                        per_head ? q_norm_ : RmsNorm(nullptr),
                        per_head ? k_norm_ : RmsNorm(nullptr),
                        context.rotations[rope_index_],
                        layer_,
                        *context.decode);
  return cuda_decode_attention(
      heads.q, config_.layers[layer_].sliding_window, layer_, *context.decode);
}

torch::Tensor SelfAttentionImpl::attend(const ProjectedHeads& heads,
                                        const ForwardContext& context) const {
  const PackedBatch& batch = context.batch;
  const auto window = config_.layers[layer_].sliding_window;
  if (batch.cache != nullptr) store_blocks(heads.k, heads.v, layer_, context);

  torch::Tensor output;  // [T, H, D]
  if (context.varlen != nullptr) {
    const VarlenKeys keys = varlen_keys(heads, (*batch.cache->layers)[layer_], *context.varlen);
    output = varlen_attention(heads.q, keys, window, *context.varlen);
    if (batch.probe != nullptr)
      batch.probe->record(varlen_largest_keys(heads.q, keys, window, batch, *context.varlen));
  } else if (batch.cache == nullptr && batch.probe == nullptr) {
    output = packed_attention(heads.q, heads.k, heads.v, context.sequences, window);
  } else {
    output = attend_one_by_one(heads, context);
  }
  if (batch.gate != nullptr) {
    const torch::Tensor& gate = batch.gate->layer(layer_);  // [S, H]
    if (gate.defined())
      output = output * gate.index_select(0, context.token_sequence).unsqueeze(-1);
  }
  return output.flatten(1);
}

torch::Tensor SelfAttentionImpl::attend_one_by_one(const ProjectedHeads& heads,
                                                   const ForwardContext& context) const {
  const PackedBatch& batch = context.batch;
  const auto window = config_.layers[layer_].sliding_window;
  std::vector<torch::Tensor> outputs;
  torch::Tensor largest;
  if (batch.probe != nullptr)
    largest = unknown_keys(batch, config_.num_attention_heads, heads.q.device());
  int64_t start = 0;
  for (size_t s = 0; s < batch.lengths.size(); start += batch.lengths[s++]) {
    const torch::Tensor q = heads.q.narrow(0, start, batch.lengths[s]);
    const SequenceKeys keys = sequence_keys(heads.k, heads.v, layer_, s, start, batch);
    if (batch.probe != nullptr && batch.probe->wants(s))
      largest[static_cast<int64_t>(s)] = largest_key(q[-1], keys.keys, window);
    outputs.push_back(attention(q, keys.keys, keys.values, window));
  }
  if (batch.probe != nullptr) batch.probe->record(largest);
  return outputs.size() == 1 ? outputs[0] : torch::cat(outputs);
}

torch::Tensor SelfAttentionImpl::attend_packed(const ProjectedHeads& heads,
                                               const ForwardContext& context) const {
  const PackedBatch& batch = context.batch;
  const auto window = config_.layers[layer_].sliding_window;
  const torch::Tensor gate = batch.gate != nullptr ? batch.gate->layer(layer_) : torch::Tensor();

  const torch::Tensor output = torch::empty(
      {heads.q.size(0), config_.num_attention_heads, config_.head_dim}, heads.q.options());
  torch::Tensor largest;
  if (batch.probe != nullptr)
    largest = unknown_keys(batch, config_.num_attention_heads, torch::kCPU);
  // Sequences with one new token read the cache in place, all at once.
  if (batch.cache != nullptr) {
    const KeyValueBlocks::Layer& cache = (*batch.cache->layers)[layer_];
    cpu_store_blocks(heads, cache, context);
    cpu_decode_attention(heads.q, batch, cache, window, gate, output, largest);
  }
  int64_t start = 0;
  for (size_t s = 0; s < batch.lengths.size(); start += batch.lengths[s++]) {
    if (batch.cache != nullptr && batch.lengths[s] == 1) continue;
    const torch::Tensor q = heads.q.narrow(0, start, batch.lengths[s]);
    const SequenceKeys keys = sequence_keys(heads.k, heads.v, layer_, s, start, batch);
    const auto row = static_cast<int64_t>(s);
    if (batch.probe != nullptr && batch.probe->wants(s))
      largest[row] = largest_key(q[-1], keys.keys, window);
    torch::Tensor attended = attention(q, keys.keys, keys.values, window);  // [t, H, D]
    if (gate.defined()) attended = attended * gate[row].unsqueeze(-1);
    output.narrow(0, start, batch.lengths[s]).copy_(attended);
  }
  if (batch.probe != nullptr) batch.probe->record(largest);
  return output.flatten(1);
}

void SelfAttentionImpl::pack() {
  qkv_ = PackedMatrix({q_proj_.get(), k_proj_.get(), v_proj_.get()});
  o_proj_->pack();
}

MlpImpl::MlpImpl(const ModelConfig& config, torch::TensorOptions options)
    : gate_proj_(config.hidden_size, config.intermediate_size, config.mlp_bias, options),
      up_proj_(config.hidden_size, config.intermediate_size, config.mlp_bias, options),
      down_proj_(config.intermediate_size, config.hidden_size, config.mlp_bias, options) {
  register_module("gate_proj", gate_proj_);
  register_module("up_proj", up_proj_);
  register_module("down_proj", down_proj_);
}

torch::Tensor MlpImpl::forward(const torch::Tensor& x,
                               const RmsNorm& input_norm,
                               const torch::Tensor& residual,
                               const ForwardContext& context) const {
  if (gate_up_.defined()) {
    const torch::Tensor input = normalize(x, input_norm, context);
    const ScopedTimer timer(context.linear_seconds());
    const torch::Tensor gate_up = gate_up_.multiply(input);
    return down_proj_->forward(
        context.packed ? cpu_silu_multiply(gate_up) : cuda_silu_multiply(gate_up), residual);
  }
  const auto gate_up = multiply_each(x, input_norm, {gate_proj_, up_proj_}, context);
  if (!context.recompute_inputs)
    return down_proj_->forward(silu_multiply(gate_up[0], gate_up[1]), residual);
  const auto activate = [](const std::vector<torch::Tensor>& from) {
    return silu_multiply(from[0], from[1]);
  };
  const torch::Tensor output =
      linears_of(gate_up, activate, {{down_proj_->weight, down_proj_->bias}})[0];
  return residual.defined() ? residual + output : output;
}

void MlpImpl::pack() {
  gate_up_ = PackedMatrix({gate_proj_.get(), up_proj_.get()});
  down_proj_->pack();
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

torch::Tensor DecoderLayerImpl::forward(const torch::Tensor& x,
                                        const ForwardContext& context) const {
  if (placement_ == NormPlacement::pre) {
    const torch::Tensor attended = self_attn_->forward(x, attention_norm_, /*residual=*/x, context);
    return mlp_->forward(attended, mlp_norm_, /*residual=*/attended, context);
  }
  const RmsNorm no_norm(nullptr);
  const torch::Tensor attended =
      x +
      attention_norm_->forward(self_attn_->forward(x, no_norm, /*residual=*/{}, context), context);
  return attended +
         mlp_norm_->forward(mlp_->forward(attended, no_norm, /*residual=*/{}, context), context);
}

void DecoderLayerImpl::pack() {
  self_attn_->pack();
  mlp_->pack();
}

}  // namespace retmask
