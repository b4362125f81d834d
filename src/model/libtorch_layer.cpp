// The decoder layer with plain libtorch operations: the reference for the other implementations.

#include "libtorch_layer.h"

#include <torch/nn/functional/linear.h>

#include "cache_access.h"
#include "varlen_attention.h"

namespace retmask {
namespace {

torch::Tensor rms_norm_of(const torch::Tensor& x, const RmsNorm& norm) {
  return at::rms_norm(x, {norm->weight.size(0)}, norm->weight, norm->eps);
}

torch::Tensor linear(const torch::Tensor& x,
                     const Linear& weights,
                     const torch::Tensor& residual = {}) {
  const torch::Tensor y = torch::nn::functional::linear(x, weights->weight, weights->bias);
  return residual.defined() ? residual + y : y;
}

// q [T, H * D] and k, v [T, Hkv * D] as projected -> after QK-norm (norms may be empty) and RoPE.
ProjectedHeads normalize_and_rotate(torch::Tensor q,
                                    torch::Tensor k,
                                    torch::Tensor v,
                                    const LayerShape& shape,
                                    const RmsNorm& q_norm,
                                    const RmsNorm& k_norm,
                                    const Rotation& rotation) {
  if (shape.qk_norm == QkNorm::full_width) {
    q = rms_norm_of(q, q_norm);
    k = rms_norm_of(k, k_norm);
  }
  q = q.view({-1, shape.num_attention_heads, shape.head_dim});
  k = k.view({-1, shape.num_key_value_heads, shape.head_dim});
  v = v.view({-1, shape.num_key_value_heads, shape.head_dim});
  if (shape.qk_norm == QkNorm::per_head) {
    q = rms_norm_of(q, q_norm);
    k = rms_norm_of(k, k_norm);
  }
  return {apply_rotation(q, rotation), apply_rotation(k, rotation), v};
}

// [T, H, D]: each sequence by itself; fills the probe.
torch::Tensor attend_one_by_one(const ProjectedHeads& heads,
                                const LayerShape& shape,
                                const PackedBatch& batch) {
  std::vector<torch::Tensor> outputs;
  torch::Tensor largest;
  if (batch.probe != nullptr)
    largest = unknown_keys(batch, shape.num_attention_heads, heads.q.device());
  int64_t start = 0;
  for (size_t s = 0; s < batch.lengths.size(); start += batch.lengths[s++]) {
    const torch::Tensor q = heads.q.narrow(0, start, batch.lengths[s]);
    const SequenceKeys keys = sequence_keys(heads.k, heads.v, shape.layer, s, start, batch);
    if (batch.probe != nullptr && batch.probe->wants(s))
      largest[static_cast<int64_t>(s)] = largest_key(q[-1], keys.keys, shape.sliding_window);
    outputs.push_back(attention(q, keys.keys, keys.values, shape.sliding_window));
  }
  if (batch.probe != nullptr) batch.probe->record(largest);
  return outputs.size() == 1 ? outputs[0] : torch::cat(outputs);
}

// [T, H, D]: all sequences in one launch; fills the probe.
torch::Tensor attend_all(const ProjectedHeads& heads,
                         const LayerShape& shape,
                         const PackedBatch& batch,
                         const VarlenPlan& plan) {
  const VarlenKeys keys = varlen_keys(heads, shape.layer, batch, plan);
  if (batch.probe != nullptr)
    batch.probe->record(varlen_largest_keys(heads.q, keys, shape.sliding_window, batch, plan));
  return varlen_attention(heads.q, keys, shape.sliding_window, plan);
}

class LibtorchLayer : public DecoderLayer {
 public:
  LibtorchLayer(const LayerShape& shape, const LayerParameters& parameters)
      : DecoderLayer(shape, parameters), attn_(parameters->self_attn), mlp_(parameters->mlp) {}

  torch::Tensor normalize(const torch::Tensor& x, const RmsNorm& norm) const override {
    return rms_norm_of(x, norm);
  }

  torch::Tensor project_onto_heads(const torch::Tensor& u) const override {
    return u.mm(attn_->o_proj->weight.to(torch::kFloat32));
  }

 private:
  ProjectedHeads project(const torch::Tensor& x,
                         const RmsNorm& norm,
                         const ForwardContext& context) const override {
    const torch::Tensor input = normalize_input(x, norm);
    return normalize_and_rotate(linear(input, attn_->q_proj),
                                linear(input, attn_->k_proj),
                                linear(input, attn_->v_proj),
                                shape_,
                                q_norm_,
                                k_norm_,
                                rotation(context));
  }

  torch::Tensor attend(const ProjectedHeads& heads, const ForwardContext& context) const override {
    if (context.batch.cache != nullptr) store_keys(heads.k, heads.v, shape_.layer, context);
    return attend_with_libtorch(heads, shape_, context);
  }

  torch::Tensor project_output(const torch::Tensor& attended,
                               const torch::Tensor& residual) const override {
    return linear(attended, attn_->o_proj, residual);
  }

  torch::Tensor mlp(const torch::Tensor& x,
                    const RmsNorm& norm,
                    const torch::Tensor& residual,
                    const ForwardContext&) const override {
    const torch::Tensor input = normalize_input(x, norm);
    const torch::Tensor gate = linear(input, mlp_->gate_proj);  // [T, intermediate]
    const torch::Tensor up = linear(input, mlp_->up_proj);
    return linear(at::silu(gate) * up, mlp_->down_proj, residual);
  }

  const AttentionParameters attn_;
  const MlpParameters mlp_;
};

}  // namespace

std::shared_ptr<const DecoderLayer> make_libtorch_layer(const LayerShape& shape,
                                                        const LayerParameters& parameters) {
  return std::make_shared<LibtorchLayer>(shape, parameters);
}

torch::Tensor attend_with_libtorch(const ProjectedHeads& heads,
                                   const LayerShape& shape,
                                   const ForwardContext& context) {
  const PackedBatch& batch = context.batch;
  torch::Tensor output = context.varlen != nullptr
                             ? attend_all(heads, shape, batch, *context.varlen)
                             : attend_one_by_one(heads, shape, batch);  // [T, H, D]
  if (batch.gate != nullptr) {
    const torch::Tensor& gate = batch.gate->layer(shape.layer);  // [S, H]
    if (gate.defined())
      output = output * gate.index_select(0, context.token_sequence).unsqueeze(-1);
  }
  return output.flatten(1);
}

}  // namespace retmask
