#pragma once
// The RoPE part of config.json. Source: transformers modeling_rope_utils.py
// (RotaryEmbeddingConfigMixin) and models/olmo3/configuration_olmo3.py.

#include <string>
#include <vector>

#include "retmask/model/config.h"

namespace retmask {

// The two RoPEs of an Olmo-3, one for each kind of layer.
struct RopePerLayerType {
  RopeConfig sliding;
  RopeConfig full;
};

// One RoPE for all layers. A non-empty "rope_scaling" replaces "rope_parameters" as a whole.
// rope_theta: from the object that is used, else from the top level, else `default_theta`.
// original_max_position_embeddings: the top level takes precedence. `config.max_positions` is
// max_position_embeddings of config.json. Keys without effect are reported in `config.warnings`.
// Throws UserError.
RopeConfig read_rope(const Json& json,
                     const std::string& where,
                     double default_theta,
                     ModelConfig& config);

// The same for "rope_parameters" by layer type. "rope_scaling" applies only to the full-attention
// layers and is merged into theirs key by key; so is a top-level rope_theta.
RopePerLayerType read_rope_per_layer_type(const Json& json,
                                          const std::string& where,
                                          double default_theta,
                                          ModelConfig& config);

// The longest sequence: linear and dynamic stretch max_position_embeddings, YaRN its original
// length; llama3's max_position_embeddings is already stretched. With several RoPEs the last factor
// and the last original length count. Source: vLLM vllm/config/model.py (_get_and_verify_max_len),
// whose limit may fall below max_position_embeddings under YaRN. Ours does not, since transformers
// computes such positions.
int64_t scaled_positions(const std::vector<RopeConfig>& ropes, int64_t max_position_embeddings);

}  // namespace retmask
