#include "masked_checkpoint.h"

#include <torch/types.h>

#include <algorithm>
#include <map>
#include <string>

#include "retmask/base/progress.h"
#include "retmask/base/stop_signals.h"
#include "retmask/model/device.h"

namespace retmask::mask {
namespace {

// Masked heads by layer, as indices of HeadMask::heads().
using Layers = std::map<int64_t, std::vector<size_t>>;

std::string output_projection(int64_t layer) {
  return "model.layers." + std::to_string(layer) + ".self_attn.o_proj";
}

// `matrix` [hidden_size, num_heads * head_dim]. Zero bytes are 0.0 in every floating type.
void zero_columns(std::vector<std::byte>& matrix,
                  const TensorSpec& spec,
                  const ColumnRange& columns) {
  const auto size = static_cast<int64_t>(element_size(spec.type));
  const int64_t row_bytes = spec.shape[1] * size;
  for (int64_t row = 0; row < spec.shape[0]; ++row) {
    const auto begin = matrix.begin() + row * row_bytes;
    std::fill(begin + columns.begin * size, begin + columns.end * size, std::byte{0});
  }
}

// A view of the file's pages, which are read-only.
torch::Tensor stored(const Checkpoint& checkpoint, const std::string& name) {
  const TensorSpec& spec = checkpoint.tensors().at(name);
  auto* bytes = const_cast<std::byte*>(checkpoint.bytes(name).data());
  return torch::from_blob(bytes, spec.shape, to_torch(spec.type));
}

// Replaces the tensors of one checkpoint as they are written.
class MaskedTensors {
 public:
  MaskedTensors(const Checkpoint& checkpoint, const ModelConfig& config, const HeadMask& mask)
      : checkpoint_(checkpoint), config_(config), mask_(mask) {
    for (size_t i = 0; i < mask.size(); ++i) {
      const int64_t layer = mask.heads()[i].layer;
      layer_of_weight_[output_projection(layer) + ".weight"] = layer;
      if (mask.mode() == MaskMode::mean) layer_of_bias_[output_projection(layer) + ".bias"] = layer;
      masked_[layer].push_back(i);
    }
  }

  // Of all tensors to write, by name.
  std::vector<TensorSpec> specs() const {
    std::map<std::string, TensorSpec> specs(checkpoint_.tensors().begin(),
                                            checkpoint_.tensors().end());
    if (mask_.mode() == MaskMode::mean) {
      ModelConfig with_bias = config_;
      with_bias.attention_bias = true;
      for (TensorSpec spec : expected_tensors(with_bias)) {
        if (specs.contains(spec.name)) continue;
        const std::string module = spec.name.substr(0, spec.name.rfind('.'));
        spec.type = specs.at(module + ".weight").type;
        specs.emplace(spec.name, spec);
      }
    }
    std::vector<TensorSpec> list;
    for (const auto& [name, spec] : specs) list.push_back(spec);
    return list;
  }

  Json config_json() const {
    Json config = checkpoint_.config();
    if (mask_.mode() == MaskMode::mean) config["attention_bias"] = true;
    return config;
  }

  void write(const TensorSpec& spec, const ByteSink& sink) const {
    if (const auto weight = layer_of_weight_.find(spec.name); weight != layer_of_weight_.end()) {
      return write_weight(spec, weight->second, sink);
    }
    if (const auto bias = layer_of_bias_.find(spec.name); bias != layer_of_bias_.end()) {
      return write_bias(spec, bias->second, sink);
    }
    if (checkpoint_.tensors().contains(spec.name)) return sink(checkpoint_.bytes(spec.name));
    sink(std::vector<std::byte>(spec.num_bytes()));  // a new bias: zeros
  }

 private:
  ColumnRange columns(size_t masked) const {
    return output_columns(config_, mask_.heads()[masked].head);
  }

  void write_weight(const TensorSpec& spec, int64_t layer, const ByteSink& sink) const {
    const std::span<const std::byte> bytes = checkpoint_.bytes(spec.name);
    std::vector<std::byte> matrix(bytes.begin(), bytes.end());
    for (const size_t i : masked_.at(layer)) zero_columns(matrix, spec, columns(i));
    sink(matrix);
  }

  void write_bias(const TensorSpec& spec, int64_t layer, const ByteSink& sink) const {
    const torch::Tensor weight = stored(checkpoint_, output_projection(layer) + ".weight");
    torch::Tensor bias = checkpoint_.tensors().contains(spec.name)
                             ? stored(checkpoint_, spec.name).to(torch::kFloat64)
                             : torch::zeros(spec.shape, torch::kFloat64);
    for (const size_t i : masked_.at(layer)) {
      const ColumnRange range = columns(i);
      const torch::Tensor mean = torch::tensor(mask_.means()[i]).to(torch::kFloat64);  // [D]
      bias += weight.slice(1, range.begin, range.end).to(torch::kFloat64).mv(mean);
    }
    const torch::Tensor rounded = bias.to(to_torch(spec.type));
    sink({static_cast<const std::byte*>(rounded.const_data_ptr()), spec.num_bytes()});
  }

  const Checkpoint& checkpoint_;
  const ModelConfig& config_;
  const HeadMask& mask_;
  std::map<std::string, int64_t> layer_of_weight_, layer_of_bias_;  // of those that change
  Layers masked_;
};

}  // namespace

void save_masked_checkpoint(const Checkpoint& checkpoint,
                            const ModelConfig& config,
                            const HeadMask& mask,
                            const std::filesystem::path& out,
                            const SaveOptions& options) {
  check_tensors(checkpoint, expected_tensors(config), optional_tensor_names(config));
  const MaskedTensors tensors(checkpoint, config, mask);
  const std::vector<TensorSpec> specs = tensors.specs();
  Progress progress("mask", static_cast<int64_t>(specs.size()), "tensors");
  const auto write_tensor = [&](const TensorSpec& spec, const ByteSink& sink) {
    stop_point();
    tensors.write(spec, sink);
    progress.advance();
  };
  save_checkpoint(out, checkpoint.dir(), tensors.config_json(), specs, write_tensor, options);
}

}  // namespace retmask::mask
