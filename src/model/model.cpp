#include "retmask/model/model.h"

#include <numeric>

#include "decoder.h"
#include "retmask/base/error.h"
#include "retmask/model/device.h"
#include "retmask/model/recompute.h"

namespace retmask {
namespace {

// "model." of the checkpoint's names: everything but the head.
class BackboneImpl : public torch::nn::Module {
 public:
  BackboneImpl(const ModelConfig& config, const RopeSet& ropes, torch::TensorOptions options)
      : norm(config.hidden_size, config.rms_norm_eps, options) {
    embed_tokens = register_module(
        "embed_tokens",
        Linear(config.hidden_size, config.vocab_size, /*with_bias=*/false, options));
    layers = register_module("layers", torch::nn::ModuleList());
    for (int64_t i = 0; i < config.num_hidden_layers(); ++i) {
      layers->push_back(DecoderLayer(config, i, ropes.index_of_layer(i), options));
    }
    register_module("norm", norm);
  }

  Linear embed_tokens{nullptr};  // rows of the weight are the tokens' vectors; tied heads multiply
                                 // with the same matrix
  torch::nn::ModuleList layers;
  RmsNorm norm;
};
TORCH_MODULE(Backbone);

}  // namespace

class CausalLmImpl : public torch::nn::Module {
 public:
  CausalLmImpl(const ModelConfig& model_config, torch::TensorOptions options)
      : config(model_config),
        ropes(model_config, options.device()),
        backbone(model_config, ropes, options) {
    register_module("model", backbone);
    if (!config.tie_word_embeddings) {
      lm_head = register_module(
          "lm_head", Linear(config.hidden_size, config.vocab_size, /*with_bias=*/false, options));
    }
  }

  const ModelConfig config;
  const RopeSet ropes;
  Backbone backbone;
  Linear lm_head{nullptr};
  bool checkpoint_activations = false;
};

namespace {

torch::Tensor make_positions(const PackedBatch& batch, torch::Device device) {
  std::vector<int64_t> positions;
  for (size_t s = 0; s < batch.lengths.size(); ++s) {
    const int64_t past = batch.past.empty() ? 0 : batch.past[s];
    for (int64_t i = 0; i < batch.lengths[s]; ++i) positions.push_back(past + i);
  }
  return torch::tensor(positions, torch::kInt64).to(device);
}

torch::Tensor make_token_sequence(const PackedBatch& batch, torch::Device device) {
  std::vector<int64_t> sequence;
  for (size_t s = 0; s < batch.lengths.size(); ++s)
    sequence.insert(sequence.end(), batch.lengths[s], static_cast<int64_t>(s));
  return torch::tensor(sequence, torch::kInt64).to(device);
}

}  // namespace

CausalLm CausalLm::empty(const ModelConfig& config, torch::Device device, torch::ScalarType dtype) {
  CausalLm model;
  model.impl_ = std::make_shared<CausalLmImpl>(config, torch::TensorOptions(dtype).device(device));
  return model;
}

CausalLm CausalLm::load(const Checkpoint& checkpoint,
                        torch::Device device,
                        torch::ScalarType dtype) {
  const ModelConfig config =
      parse_model_config(checkpoint.config(), (checkpoint.dir() / "config.json").string());
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
  }
  return model;
}

const ModelConfig& CausalLm::config() const { return impl_->config; }
torch::Device CausalLm::device() const { return lm_head_weight().device(); }
torch::ScalarType CausalLm::dtype() const { return lm_head_weight().scalar_type(); }

torch::Tensor CausalLm::forward(const PackedBatch& batch) const {
  RETMASK_CHECK(batch.token_ids.size(0) ==
                std::accumulate(batch.lengths.begin(), batch.lengths.end(), int64_t{0}));
  const auto context = std::make_shared<const ForwardContext>(ForwardContext{
      batch, impl_->ropes.rotations(make_positions(batch, device())),
      batch.gate != nullptr ? make_token_sequence(batch, device()) : torch::Tensor()});
  torch::Tensor x =
      torch::embedding(impl_->backbone->embed_tokens->weight, batch.token_ids);  // [T, hidden]
  for (const auto& module : *impl_->backbone->layers) {
    auto* layer = module->as<DecoderLayerImpl>();
    const auto apply = [layer, context](const torch::Tensor& input) {
      return layer->forward(input, *context);
    };
    x = impl_->checkpoint_activations ? recompute_in_backward(apply, x) : apply(x);
  }
  return impl_->backbone->norm(x);
}

torch::Tensor CausalLm::logits(const torch::Tensor& hidden) const {
  return torch::nn::functional::linear(hidden, lm_head_weight());
}

const torch::Tensor& CausalLm::lm_head_weight() const {
  return impl_->config.tie_word_embeddings ? impl_->backbone->embed_tokens->weight
                                           : impl_->lm_head->weight;
}

std::vector<std::pair<std::string, torch::Tensor>> CausalLm::parameters() const {
  std::vector<std::pair<std::string, torch::Tensor>> result;
  for (const auto& item : impl_->named_parameters()) result.emplace_back(item.key(), item.value());
  return result;
}

void CausalLm::set_requires_grad(bool on) {
  for (auto& parameter : impl_->torch::nn::Module::parameters()) parameter.set_requires_grad(on);
}

void CausalLm::set_activation_checkpointing(bool on) { impl_->checkpoint_activations = on; }

void save_model(const CausalLm& model,
                const Checkpoint& source,
                const std::filesystem::path& dir,
                TensorType dtype) {
  std::map<std::string, torch::Tensor> parameters;
  std::vector<TensorSpec> specs;
  for (const auto& [name, parameter] : model.parameters()) {
    parameters.emplace(name, parameter.detach());
    specs.push_back({name, dtype, parameter.sizes().vec()});
  }
  Json config = source.config();
  static constexpr std::pair<TensorType, const char*> kNames[] = {
      {TensorType::float32, "float32"},
      {TensorType::float16, "float16"},
      {TensorType::bfloat16, "bfloat16"}};
  for (const auto& [type, name] : kNames) {
    if (type == dtype) config[config.contains("torch_dtype") ? "torch_dtype" : "dtype"] = name;
  }
  save_checkpoint(
      dir, source.dir(), config, specs, [&](const TensorSpec& spec, const ByteSink& sink) {
        const torch::Tensor tensor =
            parameters.at(spec.name).to(torch::kCPU, to_torch(spec.type)).contiguous();
        sink({static_cast<const std::byte*>(tensor.const_data_ptr()), spec.num_bytes()});
      });
}

}  // namespace retmask
