#pragma once
// The table of model families: what each adds to the common part of config.json.

#include <span>
#include <string_view>

#include "retmask/model/config.h"

namespace retmask {

// What transformers assumes where config.json is silent.
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
  bool has_mlp_bias;  // whether "mlp_bias" is one of its keys
  // Fills what differs between families: norms, windows, RoPE per layer. The common sizes are set
  // already; max_positions is config.json's max_position_embeddings.
  void (*configure)(const Json& json,
                    const std::string& where,
                    const Family& family,
                    ModelConfig& config);
};

std::span<const Family> families();

// What checkpoints call the two norms of a decoder layer. "post_attention_layernorm" is the norm
// before the MLP in a pre-norm layer and the norm behind attention in a post-norm one.
struct NormNames {
  std::string_view attention;
  std::string_view mlp;
};
NormNames norm_names(NormPlacement placement);

}  // namespace retmask
