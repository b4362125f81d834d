#pragma once
// Rotary position embedding (Su et al. 2021) with linear, dynamic NTK, llama3 and YaRN frequency
// scaling.
//
// Dynamic NTK's frequencies depend on the length of the sequence, as far as it is known when a
// token is read: all of a text that is scored or trained on, the whole prompt for each of its
// tokens (also where it is read in pieces), and for a token behind the prompt all up to itself.
// Keys that lie in the cache keep the rotation with which they were written. transformers does the
// same in generate(): beyond the original length the log-probs of a text that was generated are
// therefore not those of the same text read at once.

#include <torch/torch.h>

#include <vector>

#include "retmask/model/config.h"

namespace retmask {

// cos and sin of every token's angles, already multiplied by YaRN's attention_factor.
struct Rotation {
  torch::Tensor cos;  // [T, 1, head_dim / 2] float32
  torch::Tensor sin;
};

// The inverse frequencies of one RoPE, [head_dim / 2] float32 on the CPU; of dynamic those up to
// its original length.
torch::Tensor rope_inverse_frequencies(const RopeConfig& rope, int64_t head_dim);

// The distinct RoPEs of a model (Olmo-3 has two) and which layer uses which.
class RopeSet {
 public:
  RopeSet(const ModelConfig& config, torch::Device device);

  // Whether rotations() looks at `lengths`.
  bool depends_on_length() const;
  // positions [T] int64 -> one Rotation per distinct RoPE. Computed once per forward, used by all
  // layers. lengths [T] int64: of each token's sequence; may be undefined if nothing depends on it.
  std::vector<Rotation> rotations(const torch::Tensor& positions,
                                  const torch::Tensor& lengths) const;
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
