#include "decoder_layer.h"

namespace retmask {

LayerShape layer_shape(const ModelConfig& config, int64_t layer, const RopeSet& ropes) {
  return {.layer = layer,
          .rope_index = ropes.index_of_layer(layer),
          .num_attention_heads = config.num_attention_heads,
          .num_key_value_heads = config.num_key_value_heads,
          .head_dim = config.head_dim,
          .qk_norm = config.qk_norm,
          .norm_placement = config.norm_placement,
          .sliding_window = config.layers[static_cast<size_t>(layer)].sliding_window};
}

ProjectedHeads split_heads(const torch::Tensor& qkv, const LayerShape& shape) {
  const int64_t q_heads = shape.num_attention_heads;
  const int64_t kv_heads = shape.num_key_value_heads;
  const torch::Tensor heads = qkv.view({-1, q_heads + 2 * kv_heads, shape.head_dim});
  return {heads.narrow(1, 0, q_heads),
          heads.narrow(1, q_heads, kv_heads),
          heads.narrow(1, q_heads + kv_heads, kv_heads)};
}

DecoderLayer::DecoderLayer(const LayerShape& shape, const LayerParameters& parameters)
    : shape_(shape),
      q_norm_(parameters->self_attn->q_norm),
      k_norm_(parameters->self_attn->k_norm),
      attention_norm_(parameters->attention_norm),
      mlp_norm_(parameters->mlp_norm) {}

torch::Tensor DecoderLayer::forward(const torch::Tensor& x, const ForwardContext& context) const {
  if (shape_.norm_placement == NormPlacement::pre) {
    const torch::Tensor h = attention(x, attention_norm_, /*residual=*/x, context);  // [T, hidden]
    return mlp(h, mlp_norm_, /*residual=*/h, context);
  }
  const RmsNorm no_norm(nullptr);
  const torch::Tensor h =  // [T, hidden]
      x + normalize(attention(x, no_norm, /*residual=*/{}, context), attention_norm_);
  return h + normalize(mlp(h, no_norm, /*residual=*/{}, context), mlp_norm_);
}

torch::Tensor DecoderLayer::attention(const torch::Tensor& x,
                                      const RmsNorm& norm,
                                      const torch::Tensor& residual,
                                      const ForwardContext& context) const {
  const ProjectedHeads heads = project(x, norm, context);
  torch::Tensor attended;  // [T, H * D]
  {
    const ScopedTimer timer(context.attention_seconds());
    attended = attend(heads, context);
  }
  const ScopedTimer timer(context.linear_seconds());
  return project_output(attended, residual);
}

}  // namespace retmask
