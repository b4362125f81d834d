#include "retmask/model/model.h"

#include <malloc.h>

#include <numeric>

#include "block_access.h"
#include "cuda_ops.h"
#include "decoder.h"
#include "head_logprobs.h"
#include "recompute.h"
#include "retmask/base/error.h"
#include "retmask/base/stop_signals.h"
#include "retmask/model/decode.h"
#include "retmask/model/device.h"
#include "retmask/model/upload.h"
#include "varlen_attention.h"

namespace retmask {
namespace {

// "model." in the names of the checkpoint: everything but lm_head.
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
  CausalLmImpl(const ModelConfig& model_config,
               torch::TensorOptions options,
               torch::Device compute_device)
      : config(model_config),
        device(compute_device),
        ropes(model_config, compute_device),
        backbone(model_config, ropes, options) {
    register_module("model", backbone);
    if (!config.tie_word_embeddings) {
      lm_head = register_module(
          "lm_head", Linear(config.hidden_size, config.vocab_size, /*with_bias=*/false, options));
    }
  }

  const ModelConfig config;
  const torch::Device device;  // where forward() computes
  const RopeSet ropes;
  Backbone backbone;
  Linear lm_head{nullptr};
  PackedMatrix packed_head;  // the head's weights, or the tied embedding's, once packed
  ActivationCheckpointing activation_checkpointing = ActivationCheckpointing::none;
  WeightGatherer* gatherer = nullptr;

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
  return upload(positions, device);
}

// [T]: known length of each token's sequence; see RopeSet.
torch::Tensor make_known_lengths(const PackedBatch& batch, torch::Device device) {
  std::vector<int64_t> lengths;
  for (size_t s = 0; s < batch.lengths.size(); ++s) {
    const int64_t past = batch.past.empty() ? 0 : batch.past[s];
    const int64_t known = batch.known.empty() ? past + batch.lengths[s] : batch.known[s];
    lengths.insert(lengths.end(), batch.lengths[s], known);
  }
  return upload(lengths, device);
}

torch::Tensor make_token_sequence(const PackedBatch& batch, torch::Device device) {
  std::vector<int64_t> sequence;
  for (size_t s = 0; s < batch.lengths.size(); ++s)
    sequence.insert(sequence.end(), batch.lengths[s], static_cast<int64_t>(s));
  return upload(sequence, device);
}

// All but the cache locations, which the layers of one call share.
ForwardContext make_context(const PackedBatch& batch,
                            const RopeSet& ropes,
                            torch::Device device,
                            torch::ScalarType dtype,
                            bool packed) {
  const torch::Tensor known =
      ropes.depends_on_length() ? make_known_lengths(batch, device) : torch::Tensor();
  ForwardContext context{.batch = batch,
                         .rotations = ropes.rotations(make_positions(batch, device), known),
                         .packed = packed && device.is_cpu(),
                         .varlen = plan_varlen(batch, device, dtype),
                         .sequences = make_packed_sequences(batch, device)};
  if (batch.gate != nullptr) context.token_sequence = make_token_sequence(batch, device);
  return context;
}

// Input of the layers below the first difference: the leaders only.
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
      if (!batch.known.empty()) part.batch.known.push_back(batch.known[s]);
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
  part.batch.token_ids = batch.token_ids.index_select(0, upload(tokens, batch.token_ids.device()));
}

}  // namespace

CausalLm CausalLm::empty(const ModelConfig& config, torch::Device device, torch::ScalarType dtype) {
  CausalLm model;
  model.impl_ =
      std::make_shared<CausalLmImpl>(config, torch::TensorOptions(dtype).device(device), device);
  return model;
}

CausalLm CausalLm::without_weights(const Checkpoint& checkpoint,
                                   const ModelConfig& config,
                                   torch::Device device,
                                   torch::ScalarType dtype) {
  check_tensors(checkpoint, expected_tensors(config), optional_tensor_names(config));
  CausalLm model;
  model.impl_ = std::make_shared<CausalLmImpl>(
      config, torch::TensorOptions(dtype).device(torch::kMeta), device);
  return model;
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

void CausalLm::pack() {
  if (is_packed() || !(device().is_cpu() || (device().is_cuda() && has_cuda_kernels()))) return;
  const torch::NoGradGuard no_grad;
  // Otherwise the allocator would keep the weights that each layer frees: nearly a second copy of
  // them all.
  for (const auto& module : *impl_->backbone->layers) {
    stop_point();
    module->as<DecoderLayerImpl>()->pack();
    ::malloc_trim(/*pad=*/0);
  }
  impl_->packed_head = PackedMatrix({impl_->head().get()});
  ::malloc_trim(/*pad=*/0);
}

bool CausalLm::is_packed() const { return impl_->packed_head.defined(); }

const ModelConfig& CausalLm::config() const { return impl_->config; }
torch::Device CausalLm::device() const { return impl_->device; }
torch::ScalarType CausalLm::dtype() const { return impl_->backbone->norm->weight.scalar_type(); }

torch::Tensor CausalLm::forward(const PackedBatch& batch) const {
  RETMASK_CHECK(batch.token_ids.size(0) ==
                std::accumulate(batch.lengths.begin(), batch.lengths.end(), int64_t{0}));
  RETMASK_CHECK(!is_packed() || !torch::GradMode::is_enabled(), "a packed model has no gradients");
  ForwardContext all = make_context(batch, impl_->ropes, device(), dtype(), is_packed());
  all.recompute_inputs = torch::GradMode::is_enabled() &&
                         impl_->activation_checkpointing == ActivationCheckpointing::selective;
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
    ForwardContext below = make_context(part.batch, impl_->ropes, device(), dtype(), is_packed());
    below.token_blocks = whole->token_blocks;
    below.token_rows = whole->token_rows;
    below.row_of_token = upload(part.row_of_token, device());
    context = std::make_shared<const ForwardContext>(std::move(below));
  }
  RETMASK_CHECK(impl_->gatherer == nullptr ||
                impl_->activation_checkpointing == ActivationCheckpointing::full ||
                !torch::GradMode::is_enabled());
  torch::Tensor x;  // [T, hidden]
  {
    const GatheredPart gathered(impl_->gatherer, /*part=*/0, Pass::forward);
    x = impl_->embed(context->batch.token_ids);
  }
  for (int64_t i = 0; i < config().num_hidden_layers(); ++i) {
    stop_point();
    if (shared && i == batch.first_difference) {
      x = x.index_select(0, context->row_of_token);
      context = whole;
    }
    const auto& layer = impl_->backbone->layers[i]->as<DecoderLayerImpl>();
    const auto apply = [layer, context](const torch::Tensor& input) {
      return layer->forward(input, *context);
    };
    const bool recompute = impl_->activation_checkpointing == ActivationCheckpointing::full ||
                           impl_->gatherer != nullptr;
    x = recompute ? recompute_in_backward(apply, x, impl_->gatherer, /*part=*/i + 1) : apply(x);
  }
  if (impl_->gatherer != nullptr) {
    impl_->gatherer->gather(config().num_hidden_layers() + 1, Pass::forward);
  }
  return impl_->backbone->norm->forward(x, *context);
}

bool CausalLm::has_decode() const {
  return device().is_cuda() && is_packed() && has_cuda_decode(config().head_dim);
}

torch::Tensor CausalLm::decode(const DecodeBatch& batch) const {
  RETMASK_CHECK(has_decode() && !torch::GradMode::is_enabled());
  const torch::Tensor known = impl_->ropes.depends_on_length() ? batch.past + 1 : torch::Tensor();
  const ForwardContext context{.rotations = impl_->ropes.rotations(batch.past, known),
                               .decode = &batch};
  torch::Tensor x = impl_->embed(batch.token_ids);  // [S, hidden]
  for (int64_t i = 0; i < config().num_hidden_layers(); ++i)
    x = impl_->backbone->layers[i]->as<DecoderLayerImpl>()->forward(x, context);
  return impl_->backbone->norm->forward(x, context);
}

void CausalLm::logits_into(const torch::Tensor& hidden, const torch::Tensor& out) const {
  RETMASK_CHECK(is_packed());
  impl_->packed_head.multiply_to_float32(hidden, out);
}

torch::Tensor CausalLm::logits(const torch::Tensor& hidden) const {
  if (is_packed()) return impl_->packed_head.multiply_to_float32(hidden);
  return impl_->head()->forward(hidden);
}

torch::Tensor CausalLm::target_logprobs(const torch::Tensor& hidden,
                                        const torch::Tensor& targets) const {
  if (!is_packed()) return head_logprobs(hidden, impl_->head()->weight, targets);
  const int64_t chunk = head_chunk_rows(config().vocab_size, torch::kFloat32);
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

std::vector<std::pair<std::string, torch::Tensor>> CausalLm::parameters() const {
  RETMASK_CHECK(!is_packed(), "a packed model has no parameters");
  std::vector<std::pair<std::string, torch::Tensor>> result;
  for (const auto& item : impl_->named_parameters()) result.emplace_back(item.key(), item.value());
  return result;
}

void CausalLm::set_requires_grad(bool on) {
  for (auto& parameter : impl_->torch::nn::Module::parameters()) parameter.set_requires_grad(on);
}

void CausalLm::set_activation_checkpointing(ActivationCheckpointing mode) {
  impl_->activation_checkpointing = mode;
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
