#include "masked_checkpoint.h"

#include <algorithm>
#include <map>
#include <string>

#include "retmask/base/progress.h"
#include "retmask/base/stop_signals.h"

namespace retmask::mask {
namespace {

std::string output_projection(int64_t layer) {
  return "model.layers." + std::to_string(layer) + ".self_attn.o_proj.weight";
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

}  // namespace

void save_masked_checkpoint(const Checkpoint& checkpoint,
                            const ModelConfig& config,
                            const std::vector<Head>& heads,
                            const std::filesystem::path& out,
                            const SaveOptions& options) {
  check_tensors(checkpoint, expected_tensors(config), optional_tensor_names(config));
  std::map<std::string, std::vector<ColumnRange>> columns_of;  // by W_o
  for (const Head& head : heads) {
    columns_of[output_projection(head.layer)].push_back(output_columns(config, head.head));
  }
  std::vector<TensorSpec> specs;
  for (const auto& [name, spec] : checkpoint.tensors()) specs.push_back(spec);

  Progress progress("mask", static_cast<int64_t>(specs.size()), "tensors");
  const auto write_tensor = [&](const TensorSpec& spec, const ByteSink& sink) {
    stop_point();
    const std::span<const std::byte> bytes = checkpoint.bytes(spec.name);
    const auto masked = columns_of.find(spec.name);
    if (masked == columns_of.end()) {
      sink(bytes);
    } else {
      std::vector<std::byte> matrix(bytes.begin(), bytes.end());
      for (const ColumnRange& columns : masked->second) zero_columns(matrix, spec, columns);
      sink(matrix);
    }
    progress.advance();
  };
  save_checkpoint(out, checkpoint.dir(), checkpoint.config(), specs, write_tensor, options);
}

}  // namespace retmask::mask
