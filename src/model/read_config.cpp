#include <torch/types.h>

#include <cstring>
#include <set>

#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/model/config.h"
#include "retmask/model/device.h"

namespace retmask {
namespace {

constexpr char kEmbedding[] = "model.embed_tokens.weight";
constexpr char kHead[] = "lm_head.weight";

torch::Tensor stored_tensor(const Checkpoint& checkpoint, const std::string& name) {
  const TensorSpec& spec = checkpoint.tensors().at(name);
  const auto bytes = checkpoint.bytes(name);
  // Read-only mapped pages; nothing here writes to them.
  return torch::from_blob(const_cast<std::byte*>(bytes.data()), spec.shape, to_torch(spec.type));
}

// Whether the head differs from the embedding at the precision of `dtype`. Source: tie_weights in
// transformers modeling_utils.py.
bool has_own_head(const Checkpoint& checkpoint, TensorType dtype) {
  const auto& tensors = checkpoint.tensors();
  const auto embedding = tensors.find(kEmbedding);
  const auto head = tensors.find(kHead);
  if (embedding == tensors.end() || head == tensors.end()) return false;
  if (embedding->second.shape != head->second.shape) return true;
  bool equal = false;
  if (embedding->second.type == head->second.type) {
    const auto left = checkpoint.bytes(kEmbedding);
    const auto right = checkpoint.bytes(kHead);
    equal = std::memcmp(left.data(), right.data(), left.size()) == 0;
  } else if (is_floating(embedding->second.type) && is_floating(head->second.type)) {
    equal = torch::equal(stored_tensor(checkpoint, kEmbedding).to(to_torch(dtype)),
                         stored_tensor(checkpoint, kHead).to(to_torch(dtype)));
  }
  checkpoint.release(kEmbedding);
  checkpoint.release(kHead);
  return !equal;
}

}  // namespace

ModelConfig read_model_config(const Checkpoint& checkpoint) {
  const std::string where = (checkpoint.dir() / "config.json").string();
  ModelConfig config = parse_model_config(checkpoint.config(), where);
  if (config.tie_word_embeddings && has_own_head(checkpoint, config.dtype)) {
    config.tie_word_embeddings = false;
    config.warnings.push_back(where +
                              ": tie_word_embeddings is true, but the checkpoint has a separate " +
                              kHead + ", which is used, as in transformers");
  }
  // A command may read the config several times.
  static std::set<std::string> logged;
  for (const std::string& warning : config.warnings) {
    if (logged.insert(warning).second) log::warn(warning);
  }
  return config;
}

void limit_positions(ModelConfig& config, int64_t positions) {
  constexpr int64_t kMost = int64_t{1} << 24;
  if (positions == 0) return;
  if (positions < 1 || positions > kMost)
    user_error(
        "--max-position is ", positions, ", expected 1 to ", kMost, ", or 0 for the model's");
  if (positions == config.max_positions) return;
  log::warn(detail::concat(
      "--max-position ",
      positions,
      " instead of the ",
      config.max_positions,
      " of config.json",
      positions > config.max_positions ? ": longer sequences may degrade the model's output" : ""));
  config.max_positions = positions;
}

}  // namespace retmask
