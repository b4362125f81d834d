// The decoder layer with gradients, for whole sequences.

#include <utility>

#include "decoder_layer.h"
#include "products.h"
#include "sequence_attention.h"
#include "train_ops.h"

namespace retmask {
namespace {

torch::Tensor multiply(const torch::Tensor& x, const Linear& weights) {
  return linear_with_gradients(x, weights->weight, weights->bias);
}

torch::Tensor with_residual(const torch::Tensor& residual, const torch::Tensor& y) {
  return residual.defined() ? residual + y : y;
}

class TrainingLayer : public DecoderLayer {
 public:
  TrainingLayer(const LayerShape& shape, const LayerParameters& parameters, bool recompute_inputs)
      : DecoderLayer(shape, parameters),
        attn_(parameters->self_attn),
        mlp_(parameters->mlp),
        recompute_inputs_(recompute_inputs) {}

  torch::Tensor normalize(const torch::Tensor& x, const RmsNorm& norm) const override {
    return rms_norm(x, norm->weight, norm->eps);
  }

 private:
  ProjectedHeads project(const torch::Tensor& x,
                         const RmsNorm& norm,
                         const ForwardContext& context) const override {
    const auto projected = multiply_each(x, norm, {attn_->q_proj, attn_->k_proj, attn_->v_proj});
    torch::Tensor q = projected[0];  // [T, H * D]
    torch::Tensor k = projected[1];  // [T, Hkv * D]
    if (shape_.qk_norm == QkNorm::full_width) {
      q = normalize(q, q_norm_);
      k = normalize(k, k_norm_);
    }
    q = q.view({-1, shape_.num_attention_heads, shape_.head_dim});
    k = k.view({-1, shape_.num_key_value_heads, shape_.head_dim});
    if (shape_.qk_norm == QkNorm::per_head) {
      q = normalize(q, q_norm_);
      k = normalize(k, k_norm_);
    }
    return {rotate_heads(q, rotation(context)),
            rotate_heads(k, rotation(context)),
            projected[2].view({-1, shape_.num_key_value_heads, shape_.head_dim})};
  }

  torch::Tensor attend(const ProjectedHeads& heads, const ForwardContext& context) const override {
    return sequence_attention(heads.q,
                              heads.k,
                              heads.v,
                              context.batch.lengths,
                              shape_.sliding_window,
                              context.varlen.get())
        .flatten(1);
  }

  torch::Tensor project_output(const torch::Tensor& attended,
                               const torch::Tensor& residual) const override {
    return with_residual(residual, multiply(attended, attn_->o_proj));
  }

  torch::Tensor mlp(const torch::Tensor& x,
                    const RmsNorm& norm,
                    const torch::Tensor& residual,
                    const ForwardContext&) const override {
    const auto gate_up = multiply_each(x, norm, {mlp_->gate_proj, mlp_->up_proj});
    if (!recomputes())
      return with_residual(residual,
                           multiply(silu_multiply(gate_up[0], gate_up[1]), mlp_->down_proj));
    const auto activate = [](const std::vector<torch::Tensor>& from) {
      return silu_multiply(from[0], from[1]);
    };
    return with_residual(
        residual,
        linears_of(gate_up, activate, {{mlp_->down_proj->weight, mlp_->down_proj->bias}})[0]);
  }

  bool recomputes() const { return recompute_inputs_ && torch::GradMode::is_enabled(); }

  // Applies each of `linears` to the normalised x.
  std::vector<torch::Tensor> multiply_each(const torch::Tensor& x,
                                           const RmsNorm& norm,
                                           const std::vector<Linear>& linears) const {
    if (recomputes() && !norm.is_empty()) {
      std::vector<LinearWeights> weights;
      for (const Linear& linear : linears) weights.push_back({linear->weight, linear->bias});
      const auto make_input = [norm](const std::vector<torch::Tensor>& from) {
        return rms_norm(from[0], norm->weight, norm->eps);
      };
      return linears_of({x}, make_input, weights);
    }
    const torch::Tensor input = normalize_input(x, norm);
    std::vector<torch::Tensor> outputs;
    for (const Linear& linear : linears) outputs.push_back(multiply(input, linear));
    return outputs;
  }

  const AttentionParameters attn_;
  const MlpParameters mlp_;
  const bool recompute_inputs_;
};

}  // namespace

std::shared_ptr<const DecoderLayer> make_training_layer(const LayerShape& shape,
                                                        const LayerParameters& parameters,
                                                        bool recompute_inputs) {
  return std::make_shared<TrainingLayer>(shape, parameters, recompute_inputs);
}

}  // namespace retmask
