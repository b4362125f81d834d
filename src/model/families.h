#pragma once
// The table of model families: what each adds to the common part of config.json.

#include <span>
#include <string_view>

#include "retmask/model/config.h"

namespace retmask {

struct Family {
  std::string_view model_type;
  // What transformers assumes where config.json is silent.
  double default_rope_theta;
  double default_rms_norm_eps;
  int64_t default_head_dim;  // 0: hidden_size / num_attention_heads
  // Fills what differs between families: norms, windows, RoPE per layer. The common sizes are set
  // already.
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
