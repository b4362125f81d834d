#include "random_weights.h"

#include "retmask/base/json.h"

namespace retmask::bench {

ModelConfig read_shape(const std::filesystem::path& dir) {
  const auto path = dir / "config.json";
  return parse_model_config(read_json_file(path, "config"), path.string());
}

void fill_with_random_weights(const std::string& name, const torch::Tensor& values) {
  const torch::NoGradGuard no_grad;
  if (name.ends_with("norm.weight")) {
    values.fill_(1);
  } else {
    values.normal_(0, 0.02);
  }
}

}  // namespace retmask::bench
