#include "decoder_layer.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/model/decode.h"

namespace retmask {
namespace {

// Row t of `attended` [T, H * D] follows policy rows[t] [T] of `gates` [n, H] and `means`
// [n, H, D].
torch::Tensor select_means(const torch::Tensor& attended,
                           const torch::Tensor& gates,
                           const torch::Tensor& means,
                           const torch::Tensor& rows) {
  const torch::Tensor of_rows = means.index_select(0, rows);                   // [T, H, D]
  const torch::Tensor off = (gates == 0).index_select(0, rows).unsqueeze(-1);  // [T, H, 1]
  return torch::where(off, of_rows, attended.view(of_rows.sizes())).flatten(1);
}

}  // namespace

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
    attended = put_means(attend(heads, context), context);
  }
  HeadOutputSums* const sums = context.batch.output_sums;
  if (sums != nullptr) sums->add(shape_.layer, attended);
  if (context.batch.reader != nullptr) show_rows(heads, context.batch);
  const ScopedTimer timer(context.linear_seconds());
  return project_output(attended, residual);
}

torch::Tensor DecoderLayer::put_means(const torch::Tensor& attended,
                                      const ForwardContext& context) const {
  if (const DecodeBatch* decode = context.decode; decode != nullptr) {
    if (!decode->means.defined()) return attended;
    return select_means(attended,
                        decode->gates.select(1, shape_.layer),
                        decode->means.select(1, shape_.layer),
                        decode->policies);
  }
  const HeadGate* const gate = context.batch.gate;
  if (gate == nullptr || !gate->means(shape_.layer).defined()) return attended;
  return select_means(
      attended, gate->layer(shape_.layer), gate->means(shape_.layer), context.token_sequence);
}

torch::Tensor DecoderLayer::project_onto_heads(const torch::Tensor&) const {
  throw InternalError("a layer for training or decoding does not project onto heads");
}

SequenceKeys DecoderLayer::keys_of(const ProjectedHeads& heads,
                                   size_t s,
                                   int64_t start,
                                   const PackedBatch& batch) const {
  return sequence_keys(heads.k, heads.v, shape_.layer, s, start, batch);
}

void DecoderLayer::show_rows(const ProjectedHeads& heads, const PackedBatch& batch) const {
  int64_t start = 0;
  for (size_t s = 0; s < batch.lengths.size(); start += batch.lengths[s++]) {
    const int64_t past = batch.past.empty() ? 0 : batch.past[s];
    const int64_t begin = std::max(batch.reader->rows[s].begin, past);
    const int64_t end = std::min(batch.reader->rows[s].end, past + batch.lengths[s]);
    if (begin >= end) continue;
    const SequenceKeys keys = keys_of(heads, s, start, batch);
    batch.reader->read(s,
                       {.layer = shape_.layer,
                        .q = heads.q.narrow(0, start + begin - past, end - begin),
                        .keys = keys.keys.narrow(0, 0, end),
                        .values = keys.values.narrow(0, 0, end),
                        .sliding_window = shape_.sliding_window});
  }
}

}  // namespace retmask
