#pragma once
// Rotary position embedding (Su et al. 2021) with linear, dynamic NTK, llama3 and YaRN frequency
// scaling.
//
// The frequencies of dynamic NTK depend on the known length of the sequence: the whole text when it
// is scored or trained on, the whole prompt for each prompt token (also in prefill chunks), and
// everything up to and including itself for a generated token. Cached keys keep the rotation with
// which they were written. transformers does the same in generate(), so beyond the original length
// the log-probs of a generated text differ from those of the same text in one forward pass.

#include <torch/types.h>

#include <vector>

#include "retmask/model/config.h"

namespace retmask {

// cos and sin of each token's angles, already multiplied by YaRN's attention_factor.
struct Rotation {
  torch::Tensor cos;  // [T, 1, head_dim / 2] float32
  torch::Tensor sin;
};

// Inverse frequencies of one RoPE, [head_dim / 2] float32 on the CPU; for dynamic, those up to its
// original length.
torch::Tensor rope_inverse_frequencies(const RopeConfig& rope, int64_t head_dim);

// The distinct RoPEs of a model (Olmo-3 has two) and the one that each layer uses.
class RopeSet {
 public:
  RopeSet(const ModelConfig& config, torch::Device device);

  // Whether rotations() depends on `lengths`.
  bool depends_on_length() const;
  // positions [T] int64 -> one Rotation per distinct RoPE. Computed once per forward pass, used by
  // all layers. lengths [T] int64: known length of each token's sequence; may be undefined if
  // nothing depends on it.
  std::vector<Rotation> rotations(const torch::Tensor& positions,
                                  const torch::Tensor& lengths) const;
  int64_t head_dim() const { return head_dim_; }
  size_t index_of_layer(int64_t layer) const { return layer_index_[layer]; }

 private:
  int64_t head_dim_;
  std::vector<RopeConfig> ropes_;
  std::vector<torch::Tensor> inverse_frequencies_;
  std::vector<size_t> layer_index_;
};

// x [T, heads, head_dim] -> rotated, same dtype; the halves of a head form the pairs (transformers'
// rotate_half).
torch::Tensor apply_rotation(const torch::Tensor& x, const Rotation& rotation);

}  // namespace retmask
