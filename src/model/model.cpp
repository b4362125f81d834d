#include "retmask/model/model.h"

#include <malloc.h>

#include <numeric>

#include "block_access.h"
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
  PackedMatrix packed_head;  // the head's weights, or the tied embedding's, once packed
  bool checkpoint_activations = false;

  Linear& head() { return config.tie_word_embeddings ? backbone->embed_tokens : lm_head; }

  // ids [T] -> [T, hidden_size]
  torch::Tensor embed(const torch::Tensor& ids) const {
    if (packed_head.defined() && config.tie_word_embeddings) return packed_head.rows(ids);
    return torch::embedding(backbone->embed_tokens->weight, ids);
  }
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

// But for the places in the cache, which the layers of one call share.
ForwardContext make_context(const PackedBatch& batch,
                            const RopeSet& ropes,
                            torch::Device device,
                            bool packed) {
  ForwardContext context{.batch = batch,
                         .rotations = ropes.rotations(make_positions(batch, device)),
                         .packed = packed};
  if (batch.gate != nullptr) context.token_sequence = make_token_sequence(batch, device);
  return context;
}

// What the layers below the first difference compute: the leaders alone, for all.
struct SharedPart {
  PackedBatch batch;
  KeyValueBlocks cache;
  std::vector<int64_t> row_of_token;  // [T] -> row of `batch`
};

void make_shared_part(const PackedBatch& batch, SharedPart& part) {
  RETMASK_CHECK(batch.probe == nullptr && batch.cache != nullptr);
  std::vector<int64_t> leaders;  // sequences
  std::vector<int64_t> tokens;   // rows of the whole batch
  std::vector<int64_t> first_row(batch.lengths.size());
  int64_t start = 0;
  for (size_t s = 0; s < batch.lengths.size(); start += batch.lengths[s++]) {
    const auto leader = static_cast<size_t>(batch.leaders[s]);
    if (leader == s) {
      leaders.push_back(static_cast<int64_t>(s));
      first_row[s] = static_cast<int64_t>(tokens.size());
      part.batch.lengths.push_back(batch.lengths[s]);
      part.batch.past.push_back(batch.past[s]);
      for (int64_t i = 0; i < batch.lengths[s]; ++i) tokens.push_back(start + i);
    }
    RETMASK_CHECK(batch.lengths[s] == batch.lengths[leader]);
    for (int64_t i = 0; i < batch.lengths[s]; ++i)
      part.row_of_token.push_back(first_row[leader] + i);
  }
  part.cache = *batch.cache;
  part.cache.block_tables = batch.cache->block_tables.index_select(0, torch::tensor(leaders));
  part.batch.cache = &part.cache;
  part.batch.times = batch.times;
  part.batch.token_ids =
      batch.token_ids.index_select(0, torch::tensor(tokens).to(batch.token_ids.device()));
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
    checkpoint.release(name);
  }
  return model;
}

void CausalLm::pack() {
  if (!device().is_cpu() || is_packed()) return;
  const torch::NoGradGuard no_grad;
  // The allocator would keep the weights that each layer frees: nearly all of them once more.
  for (const auto& module : *impl_->backbone->layers) {
    module->as<DecoderLayerImpl>()->pack();
    ::malloc_trim(/*pad=*/0);
  }
  impl_->packed_head = PackedMatrix({impl_->head().get()});
  ::malloc_trim(/*pad=*/0);
}

bool CausalLm::is_packed() const { return impl_->packed_head.defined(); }

const ModelConfig& CausalLm::config() const { return impl_->config; }
torch::Device CausalLm::device() const { return impl_->backbone->norm->weight.device(); }
torch::ScalarType CausalLm::dtype() const { return impl_->backbone->norm->weight.scalar_type(); }

torch::Tensor CausalLm::forward(const PackedBatch& batch) const {
  RETMASK_CHECK(batch.token_ids.size(0) ==
                std::accumulate(batch.lengths.begin(), batch.lengths.end(), int64_t{0}));
  RETMASK_CHECK(!is_packed() || !torch::GradMode::is_enabled(), "a packed model has no gradients");
  ForwardContext all = make_context(batch, impl_->ropes, device(), is_packed());
  if (batch.cache != nullptr) {
    TokenPlaces places = token_places(batch, device());
    all.token_blocks = std::move(places.blocks);
    all.token_rows = std::move(places.rows);
  }
  const auto whole = std::make_shared<const ForwardContext>(std::move(all));
  auto context = whole;
  SharedPart part;
  const bool shared = !batch.leaders.empty() && batch.first_difference > 0;
  if (shared) {
    make_shared_part(batch, part);
    ForwardContext below = make_context(part.batch, impl_->ropes, device(), is_packed());
    below.token_blocks = whole->token_blocks;
    below.token_rows = whole->token_rows;
    below.row_of_token = torch::tensor(part.row_of_token).to(device());
    context = std::make_shared<const ForwardContext>(std::move(below));
  }
  torch::Tensor x = impl_->embed(context->batch.token_ids);  // [T, hidden]
  for (int64_t i = 0; i < config().num_hidden_layers(); ++i) {
    if (shared && i == batch.first_difference) {
      x = x.index_select(0, context->row_of_token);
      context = whole;
    }
    const auto& layer = impl_->backbone->layers[i]->as<DecoderLayerImpl>();
    const auto apply = [layer, context](const torch::Tensor& input) {
      return layer->forward(input, *context);
    };
    x = impl_->checkpoint_activations ? recompute_in_backward(apply, x) : apply(x);
  }
  return impl_->backbone->norm->forward(x, *context);
}

torch::Tensor CausalLm::logits(const torch::Tensor& hidden) const {
  if (is_packed()) return impl_->packed_head.multiply_to_float32(hidden);
  return impl_->head()->forward(hidden);
}

std::vector<std::pair<std::string, torch::Tensor>> CausalLm::parameters() const {
  RETMASK_CHECK(!is_packed(), "a packed model has no parameters");
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
