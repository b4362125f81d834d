#pragma once
// Table of model families: how each extends the common part of config.json.

#include <span>
#include <string_view>

#include "retmask/model/config.h"

namespace retmask {

// Defaults of transformers for keys that config.json lacks.
struct FamilyDefaults {
  int64_t vocab_size;
  int64_t hidden_size;
  int64_t intermediate_size;
  int64_t num_hidden_layers;
  int64_t num_attention_heads;
  int64_t num_key_value_heads;  // 0: num_attention_heads
  int64_t head_dim;             // 0: hidden_size / num_attention_heads
  int64_t max_position_embeddings;
  double rope_theta;
  double rms_norm_eps;
};

struct Family {
  std::string_view model_type;
  FamilyDefaults defaults;
  bool has_mlp_bias;  // the family has the key "mlp_bias"
  // Sets what differs between families: norms, windows, RoPE per layer. The common sizes are
  // already set; max_positions is max_position_embeddings of config.json.
  void (*configure)(const Json& json,
                    const std::string& where,
                    const Family& family,
                    ModelConfig& config);
};

std::span<const Family> families();

// Checkpoint names of the two norms of a decoder layer. "post_attention_layernorm" is the norm
// before the MLP in a pre-norm layer and the norm after attention in a post-norm one.
struct NormNames {
  std::string_view attention;
  std::string_view mlp;
};
NormNames norm_names(NormPlacement placement);

}  // namespace retmask
