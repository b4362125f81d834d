#pragma once
// RoPE's part of config.json. Source: transformers modeling_rope_utils.py
// (RotaryEmbeddingConfigMixin) and models/olmo3/configuration_olmo3.py.

#include <string>
#include <vector>

#include "retmask/model/config.h"

namespace retmask {

// The RoPEs of an Olmo-3: each of its two kinds of layers has one.
struct RopePerLayerType {
  RopeConfig sliding;
  RopeConfig full;
};

// One RoPE for all layers. A "rope_scaling" that is there and not empty replaces "rope_parameters"
// whole. rope_theta: of the one that is used, else at the top level, else `default_theta`;
// original_max_position_embeddings the other way round: the top level's wins.
// `config.max_positions` is config.json's max_position_embeddings. What has no effect goes into
// `config.warnings`. Throws UserError.
RopeConfig read_rope(const Json& json,
                     const std::string& where,
                     double default_theta,
                     ModelConfig& config);

// The same for "rope_parameters" by layer type. "rope_scaling" speaks of the full layers alone and
// is merged into theirs key by key; so does rope_theta at the top level.
RopePerLayerType read_rope_per_layer_type(const Json& json,
                                          const std::string& where,
                                          double default_theta,
                                          ModelConfig& config);

// How long sequences may be: linear and dynamic stretch max_position_embeddings, YaRN its original
// length; llama3's max_position_embeddings is stretched already. Of several RoPEs the last factor
// and the last original length count. Source: vLLM vllm/config/model.py (_get_and_verify_max_len),
// whose limit may fall below max_position_embeddings under YaRN: here it does not, as transformers
// computes such rows.
int64_t scaled_positions(const std::vector<RopeConfig>& ropes, int64_t max_position_embeddings);

}  // namespace retmask
