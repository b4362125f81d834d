#pragma once
// Masks of mode mean with drawn means, and the model that they equal.

#include <torch/types.h>

#include <map>
#include <string>
#include <vector>

#include "retmask/base/random.h"
#include "unit/support/golden.h"

namespace retmask::testing {

// Means of the size that heads of the tiny models put out.
inline HeadMask drawn_means(const ModelConfig& config,
                            const std::vector<Head>& heads,
                            uint64_t seed) {
  RandomStream random(seed, "means");
  HeadMask::Means means(heads.size());
  for (std::vector<float>& mean : means) {
    for (int64_t i = 0; i < config.head_dim; ++i)
      mean.push_back(static_cast<float>(4 * random.uniform() - 2));
  }
  return {heads, means};
}

// A tiny model with zeroed columns of W_o and, as a bias of o_proj, what they make of the means.
inline CausalLm load_tiny_masked(const std::string& family,
                                 const HeadMask& mask,
                                 torch::ScalarType dtype = torch::kFloat32) {
  const torch::NoGradGuard no_grad;
  const CausalLm plain = load_tiny(family, dtype);
  ModelConfig config = plain.config();
  config.attention_bias = true;
  CausalLm masked = CausalLm::empty(config, torch::kCPU, dtype);
  std::map<std::string, torch::Tensor> parameters;
  for (auto& [name, parameter] : masked.parameters()) parameters.emplace(name, parameter.zero_());
  for (const auto& [name, parameter] : plain.parameters()) parameters.at(name).copy_(parameter);
  for (size_t i = 0; i < mask.size(); ++i) {
    const Head& head = mask.heads()[i];
    const std::string projection =
        "model.layers." + std::to_string(head.layer) + ".self_attn.o_proj.";
    const ColumnRange range = output_columns(config, head.head);
    torch::Tensor columns = parameters.at(projection + "weight").slice(1, range.begin, range.end);
    if (mask.mode() == MaskMode::mean)
      parameters.at(projection + "bias") += columns.mv(torch::tensor(mask.means()[i]).to(dtype));
    columns.zero_();
  }
  return masked;
}

}  // namespace retmask::testing
