#include "retmask/model/inference.h"

#include <malloc.h>
#include <torch/nn/functional/linear.h>

#include <numeric>

#include "cuda_ops.h"
#include "head_logprobs.h"
#include "model_impl.h"
#include "prepared_matrix.h"
#include "retmask/base/error.h"
#include "retmask/base/stop_signals.h"
#include "retmask/model/decode.h"
#include "retmask/model/upload.h"

namespace retmask {

class InferenceLm::Impl {
 public:
  Impl(CausalLm weights, bool own_kernels);

  // ids [T] -> [T, hidden_size]
  torch::Tensor embed(const torch::Tensor& ids) const {
    if (head.defined() && model.config.tie_word_embeddings) return head.rows(ids);
    return torch::embedding(model.parameters->model->embed_tokens->weight, ids);
  }
  torch::Tensor final_norm(const torch::Tensor& x) const {
    return layers.back()->normalize(x, model.parameters->model->norm);
  }

  CausalLm::Impl model;  // what is left of it: matrices that were prepared are empty
  DecoderLayers layers;
  DecoderLayers decode_layers;  // for decode(); else empty
  PreparedMatrix head;          // holds nothing with libtorch alone

 private:
  void prepare_layer(const LayerShape& shape, const LayerParameters& parameters);
};

InferenceLm::Impl::Impl(CausalLm weights, bool own_kernels) : model(std::move(*weights.impl_)) {
  model.layers.clear();
  const torch::NoGradGuard no_grad;
  for (int64_t i = 0; i < model.config.num_hidden_layers(); ++i) {
    stop_point();
    const LayerShape shape = layer_shape(model.config, i, model.ropes);
    const LayerParameters& parameters = model.parameters->model->layers[static_cast<size_t>(i)];
    if (own_kernels) {
      prepare_layer(shape, parameters);
    } else {
      layers.push_back(make_libtorch_layer(shape, parameters));
    }
  }
  if (!own_kernels) return;
  head = PreparedMatrix({model.parameters->head()});
  ::malloc_trim(/*pad=*/0);
}

void InferenceLm::Impl::prepare_layer(const LayerShape& shape, const LayerParameters& parameters) {
  if (model.device.is_cpu()) {
    layers.push_back(make_cpu_layer(shape, parameters));
  } else {
    CudaLayer layer = make_cuda_layer(shape, parameters);
    layers.push_back(std::move(layer.prompts));
    if (layer.decode) decode_layers.push_back(std::move(layer.decode));
  }
  // Otherwise the allocator would keep the weights that each layer frees: nearly a second copy of
  // them all.
  ::malloc_trim(/*pad=*/0);
}

InferenceLm::InferenceLm(std::unique_ptr<const Impl> impl) : impl_(std::move(impl)) {}
InferenceLm::InferenceLm(InferenceLm&&) noexcept = default;
InferenceLm::~InferenceLm() = default;

InferenceLm::InferenceLm(CausalLm weights) {
  const bool own_kernels =
      weights.device().is_cpu() || (weights.device().is_cuda() && has_cuda_kernels());
  impl_ = std::make_unique<const Impl>(std::move(weights), own_kernels);
}

InferenceLm InferenceLm::with_libtorch(CausalLm weights) {
  return InferenceLm(std::make_unique<const Impl>(std::move(weights), /*own_kernels=*/false));
}

const ModelConfig& InferenceLm::config() const { return impl_->model.config; }
torch::Device InferenceLm::device() const { return impl_->model.device; }
torch::ScalarType InferenceLm::dtype() const {
  return impl_->model.parameters->model->norm->weight.scalar_type();
}
bool InferenceLm::has_own_kernels() const { return impl_->head.defined(); }

torch::Tensor InferenceLm::forward(const PackedBatch& batch) const {
  RETMASK_CHECK(batch.token_ids.size(0) ==
                std::accumulate(batch.lengths.begin(), batch.lengths.end(), int64_t{0}));
  const torch::NoGradGuard no_grad;
  const RopeSet& ropes = impl_->model.ropes;
  ForwardContext whole = make_context(batch, ropes, device(), dtype());
  if (batch.cache != nullptr) whole.slots = make_slots(batch, device());
  const ForwardContext* context = &whole;
  // Below the first difference, only the leaders.
  std::optional<LeaderBatch> leaders;
  ForwardContext below;
  if (!batch.leaders.empty() && batch.first_difference > 0) {
    leaders.emplace(batch);
    below = make_context(leaders->batch(), ropes, device(), dtype());
    below.slots = whole.slots;
    below.slots.batch_rows = upload(leaders->row_of_token(), device());
    context = &below;
  }
  torch::Tensor x = impl_->embed(context->batch.token_ids);  // [T, hidden]
  for (int64_t i = 0; i < config().num_hidden_layers(); ++i) {
    stop_point();
    if (context == &below && i == batch.first_difference) {
      x = x.index_select(0, below.slots.batch_rows);
      context = &whole;
    }
    x = impl_->layers[static_cast<size_t>(i)]->forward(x, *context);
  }
  return impl_->final_norm(x);
}

torch::Tensor InferenceLm::embed(const torch::Tensor& token_ids) const {
  const torch::NoGradGuard no_grad;
  return impl_->embed(token_ids);
}

torch::Tensor InferenceLm::run_layers(torch::Tensor x,
                                      int64_t begin,
                                      int64_t end,
                                      const PackedBatch& batch) const {
  RETMASK_CHECK(batch.cache == nullptr && batch.leaders.empty());
  const torch::NoGradGuard no_grad;
  const ForwardContext context = make_context(batch, impl_->model.ropes, device(), dtype());
  for (int64_t i = begin; i < end; ++i) {
    stop_point();
    x = impl_->layers[static_cast<size_t>(i)]->forward(x, context);
  }
  return x;
}

torch::Tensor InferenceLm::final_norm(const torch::Tensor& x) const {
  const torch::NoGradGuard no_grad;
  return impl_->final_norm(x);
}

torch::Tensor InferenceLm::unembedding(const torch::Tensor& token_ids) const {
  const torch::NoGradGuard no_grad;
  const torch::Tensor rows =
      has_own_kernels() ? impl_->head.rows(token_ids)
                        : impl_->model.parameters->head()->weight.index_select(0, token_ids);
  return rows.to(torch::kFloat32);
}

torch::Tensor InferenceLm::project_onto_heads(const torch::Tensor& u, int64_t layer) const {
  const torch::NoGradGuard no_grad;
  return impl_->layers[static_cast<size_t>(layer)]->project_onto_heads(u).view(
      {u.size(0), config().num_attention_heads, config().head_dim});
}

bool InferenceLm::has_decode() const { return !impl_->decode_layers.empty(); }

torch::Tensor InferenceLm::decode(const DecodeBatch& batch) const {
  RETMASK_CHECK(has_decode());
  const torch::NoGradGuard no_grad;
  const RopeSet& ropes = impl_->model.ropes;
  const torch::Tensor known = ropes.depends_on_length() ? batch.past + 1 : torch::Tensor();
  const ForwardContext context{.rotations = ropes.rotations(batch.past, known), .decode = &batch};
  torch::Tensor x = impl_->embed(batch.token_ids);  // [S, hidden]
  for (const auto& layer : impl_->decode_layers) x = layer->forward(x, context);
  return impl_->final_norm(x);
}

void InferenceLm::logits_into(const torch::Tensor& hidden, const torch::Tensor& out) const {
  RETMASK_CHECK(has_own_kernels());
  impl_->head.multiply_to_float32(hidden, out);
}

torch::Tensor InferenceLm::logits(const torch::Tensor& hidden) const {
  const torch::NoGradGuard no_grad;
  if (has_own_kernels()) return impl_->head.multiply_to_float32(hidden);
  return torch::nn::functional::linear(hidden, impl_->model.parameters->head()->weight);
}

torch::Tensor InferenceLm::target_logprobs(const torch::Tensor& hidden,
                                           const torch::Tensor& targets) const {
  const torch::NoGradGuard no_grad;
  if (!has_own_kernels())
    return head_logprobs(hidden, impl_->model.parameters->head()->weight, targets);
  const int64_t chunk = head_chunk_rows(config().vocab_size, torch::kFloat32, device());
  if (hidden.size(0) == 0) return torch::empty({0}, hidden.options().dtype(torch::kFloat32));
  std::vector<torch::Tensor> logprobs;
  for (int64_t begin = 0; begin < hidden.size(0); begin += chunk) {
    stop_point();
    const int64_t rows = std::min(chunk, hidden.size(0) - begin);
    logprobs.push_back(
        gather_logprobs(logits(hidden.narrow(0, begin, rows)), targets.narrow(0, begin, rows)));
  }
  return torch::cat(logprobs);
}

}  // namespace retmask
