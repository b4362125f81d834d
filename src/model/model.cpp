#include "retmask/model/model.h"

#include <torch/nn/functional/linear.h>

#include <numeric>

#include "head_logprobs.h"
#include "model_impl.h"
#include "retmask/base/error.h"
#include "retmask/base/stop_signals.h"
#include "retmask/model/device.h"
#include "train_ops.h"

namespace retmask {

CausalLm::Impl::Impl(const ModelConfig& model_config,
                     torch::TensorOptions options,
                     torch::Device compute_device)
    : config(model_config),
      device(compute_device),
      ropes(model_config, compute_device),
      parameters(model_config, options) {
  make_layers();
}

void CausalLm::Impl::make_layers() {
  layers.clear();
  for (int64_t i = 0; i < config.num_hidden_layers(); ++i) {
    layers.push_back(
        make_training_layer(layer_shape(config, i, ropes),
                            parameters->model->layers[static_cast<size_t>(i)],
                            activation_checkpointing == ActivationCheckpointing::selective));
  }
}

CausalLm::CausalLm(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CausalLm::CausalLm(CausalLm&&) noexcept = default;
CausalLm::~CausalLm() = default;

CausalLm CausalLm::empty(const ModelConfig& config, torch::Device device, torch::ScalarType dtype) {
  return CausalLm(
      std::make_unique<Impl>(config, torch::TensorOptions(dtype).device(device), device));
}

CausalLm CausalLm::without_weights(const Checkpoint& checkpoint,
                                   const ModelConfig& config,
                                   torch::Device device,
                                   torch::ScalarType dtype) {
  check_tensors(checkpoint, expected_tensors(config), optional_tensor_names(config));
  return CausalLm(
      std::make_unique<Impl>(config, torch::TensorOptions(dtype).device(torch::kMeta), device));
}

CausalLm CausalLm::load(const Checkpoint& checkpoint,
                        torch::Device device,
                        torch::ScalarType dtype) {
  return load(checkpoint, read_model_config(checkpoint), device, dtype);
}

CausalLm CausalLm::load(const Checkpoint& checkpoint,
                        const ModelConfig& config,
                        torch::Device device,
                        torch::ScalarType dtype) {
  check_tensors(checkpoint, expected_tensors(config), optional_tensor_names(config));
  CausalLm model = empty(config, device, dtype);
  const torch::NoGradGuard no_grad;
  for (auto& [name, parameter] : model.parameters()) {
    const TensorSpec& spec = checkpoint.tensors().at(name);
    const auto bytes = checkpoint.bytes(name);
    // Read-only pages of the file; copy_ only reads them.
    const torch::Tensor stored =
        torch::from_blob(const_cast<std::byte*>(bytes.data()), spec.shape, to_torch(spec.type));
    parameter.copy_(stored);
    checkpoint.release(name);
    stop_point();
  }
  return model;
}

const ModelConfig& CausalLm::config() const { return impl_->config; }
torch::Device CausalLm::device() const { return impl_->device; }
torch::ScalarType CausalLm::dtype() const {
  return impl_->parameters->model->norm->weight.scalar_type();
}

torch::Tensor CausalLm::forward(const PackedBatch& batch) const {
  RETMASK_CHECK(batch.token_ids.size(0) ==
                std::accumulate(batch.lengths.begin(), batch.lengths.end(), int64_t{0}));
  RETMASK_CHECK(batch.cache == nullptr && batch.gate == nullptr && batch.probe == nullptr &&
                    batch.reader == nullptr,
                "only InferenceLm has a cache, a gate, a probe and a reader");
  WeightGatherer* const gatherer = impl_->gatherer;
  const bool recompute_layers =
      impl_->activation_checkpointing == ActivationCheckpointing::full || gatherer != nullptr;
  RETMASK_CHECK(gatherer == nullptr ||
                impl_->activation_checkpointing == ActivationCheckpointing::full ||
                !torch::GradMode::is_enabled());
  const auto context =
      std::make_shared<const ForwardContext>(make_context(batch, impl_->ropes, device(), dtype()));
  torch::Tensor x;  // [T, hidden]
  {
    const GatheredPart gathered(gatherer, /*part=*/0, Pass::forward);
    x = torch::embedding(impl_->parameters->model->embed_tokens->weight, batch.token_ids);
  }
  for (int64_t i = 0; i < config().num_hidden_layers(); ++i) {
    stop_point();
    const auto apply = [layer = impl_->layers[static_cast<size_t>(i)], context](
                           const torch::Tensor& input) { return layer->forward(input, *context); };
    x = recompute_layers ? recompute_in_backward(apply, x, gatherer, /*part=*/i + 1) : apply(x);
  }
  if (gatherer != nullptr) gatherer->gather(config().num_hidden_layers() + 1, Pass::forward);
  return impl_->layers.back()->normalize(x, impl_->parameters->model->norm);
}

torch::Tensor CausalLm::logits(const torch::Tensor& hidden) const {
  return torch::nn::functional::linear(hidden, impl_->parameters->head()->weight);
}

torch::Tensor CausalLm::target_logprobs(const torch::Tensor& hidden,
                                        const torch::Tensor& targets) const {
  return head_logprobs(hidden, impl_->parameters->head()->weight, targets);
}

std::vector<std::pair<std::string, torch::Tensor>> CausalLm::parameters() const {
  std::vector<std::pair<std::string, torch::Tensor>> result;
  for (const auto& item : impl_->parameters->named_parameters())
    result.emplace_back(item.key(), item.value());
  return result;
}

void CausalLm::set_requires_grad(bool on) {
  for (auto& parameter : impl_->parameters->parameters()) parameter.set_requires_grad(on);
}

void CausalLm::set_activation_checkpointing(ActivationCheckpointing mode) {
  impl_->activation_checkpointing = mode;
  impl_->make_layers();
}

void CausalLm::set_weight_gatherer(WeightGatherer* gatherer) { impl_->gatherer = gatherer; }

void save_model(const CausalLm& model,
                const Checkpoint& source,
                const std::filesystem::path& dir,
                TensorType dtype) {
  std::map<std::string, torch::Tensor> parameters;
  for (const auto& [name, parameter] : model.parameters()) parameters.emplace(name, parameter);
  save_model(
      model, source, dir, dtype, [&](const std::string& name) { return parameters.at(name); });
}

void save_model(const CausalLm& model,
                const Checkpoint& source,
                const std::filesystem::path& dir,
                TensorType dtype,
                const std::function<torch::Tensor(const std::string& name)>& weight_of,
                const SaveOptions& options) {
  std::vector<TensorSpec> specs;
  for (const auto& [name, parameter] : model.parameters()) {
    specs.push_back({name, dtype, parameter.sizes().vec()});
  }
  Json config = source.config();
  // The saved head is separate, whatever the source config said.
  if (!model.config().tie_word_embeddings && config.value("tie_word_embeddings", Json()) == true)
    config["tie_word_embeddings"] = false;
  static constexpr std::pair<TensorType, const char*> kNames[] = {
      {TensorType::float32, "float32"},
      {TensorType::float16, "float16"},
      {TensorType::bfloat16, "bfloat16"}};
  for (const auto& [type, name] : kNames) {
    if (type == dtype) config[config.contains("torch_dtype") ? "torch_dtype" : "dtype"] = name;
  }
  const auto write_tensor = [&](const TensorSpec& spec, const ByteSink& sink) {
    const torch::Tensor tensor =
        weight_of(spec.name).detach().to(torch::kCPU, to_torch(spec.type)).contiguous();
    sink({static_cast<const std::byte*>(tensor.const_data_ptr()), spec.num_bytes()});
  };
  save_checkpoint(dir, source.dir(), config, specs, write_tensor, options);
}

}  // namespace retmask
