#pragma once
// Rotary position embedding (Su et al. 2021) with llama3 and YaRN frequency scaling.

#include <torch/torch.h>

#include <vector>

#include "retmask/model/config.h"

namespace retmask {

// cos and sin of every token's angles, already multiplied by YaRN's attention_factor.
struct Rotation {
  torch::Tensor cos;  // [T, 1, head_dim / 2] float32
  torch::Tensor sin;
};

// The inverse frequencies of one RoPE, [head_dim / 2] float32 on the CPU.
torch::Tensor rope_inverse_frequencies(const RopeConfig& rope, int64_t head_dim);

// The distinct RoPEs of a model (Olmo-3 has two) and which layer uses which.
class RopeSet {
 public:
  RopeSet(const ModelConfig& config, torch::Device device);

  // positions [T] -> one Rotation per distinct RoPE. Computed once per forward, used by all layers.
  std::vector<Rotation> rotations(const torch::Tensor& positions) const;
  size_t index_of_layer(int64_t layer) const { return layer_index_[layer]; }

 private:
  std::vector<RopeConfig> ropes_;
  std::vector<torch::Tensor> inverse_frequencies_;
  std::vector<size_t> layer_index_;
};

// x [T, heads, head_dim] -> rotated, same dtype; the halves of a head form the pairs (transformers'
// rotate_half).
torch::Tensor apply_rotation(const torch::Tensor& x, const Rotation& rotation);

}  // namespace retmask
