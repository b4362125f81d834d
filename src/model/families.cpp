#include "families.h"

#include <array>
#include <cmath>
#include <functional>

#include "retmask/base/error.h"

namespace retmask {
namespace {

double positive(const Json& rope,
                const std::string& key,
                double fallback,
                const std::string& where) {
  const auto value = json_get_or<double>(rope, key, fallback, where);
  if (!(value > 0)) user_error(where, ": \"", key, "\" is ", value, ", expected a positive number");
  return value;
}

// Source: get_mscale in transformers modeling_rope_utils.py.
double yarn_mscale(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

RopeConfig parse_rope(const Json& rope,
                      double default_theta,
                      const ModelConfig& config,
                      const std::string& where) {
  RopeConfig result;
  result.rope_theta = positive(rope, "rope_theta", default_theta, where);
  auto type = json_get_or<std::string>(rope, "rope_type", "", where);
  if (type.empty()) type = json_get_or<std::string>(rope, "type", "default", where);
  if (json_get_or<double>(rope, "partial_rotary_factor", 1.0, where) != 1.0) {
    user_error(where, ": partial_rotary_factor is not supported, expected 1");
  }
  if (type == "default") return result;
  if (type != "llama3" && type != "yarn") {
    user_error(where, ": rope_type \"", type, "\" is not supported; known: default, llama3, yarn");
  }

  result.factor = positive(rope, "factor", 0, where);
  result.original_max_position_embeddings = json_get_or<int64_t>(
      rope, "original_max_position_embeddings", config.max_position_embeddings, where);
  if (result.original_max_position_embeddings < 1) {
    user_error(where,
               ": \"original_max_position_embeddings\" is ",
               result.original_max_position_embeddings,
               ", expected a positive number");
  }
  if (type == "llama3") {
    result.type = RopeType::llama3;
    result.low_freq_factor = positive(rope, "low_freq_factor", 0, where);
    result.high_freq_factor = positive(rope, "high_freq_factor", 0, where);
    if (result.low_freq_factor == result.high_freq_factor) {
      user_error(where,
                 ": low_freq_factor equals high_freq_factor ",
                 result.low_freq_factor,
                 ", expected two different numbers");
    }
    return result;
  }
  result.type = RopeType::yarn;
  result.beta_fast = positive(rope, "beta_fast", 32, where);
  result.beta_slow = positive(rope, "beta_slow", 1, where);
  result.truncate = json_get_or<bool>(rope, "truncate", true, where);
  const auto mscale = json_get_or<double>(rope, "mscale", 0, where);
  const auto mscale_all_dim = json_get_or<double>(rope, "mscale_all_dim", 0, where);
  const double inferred =
      mscale != 0 && mscale_all_dim != 0
          ? yarn_mscale(result.factor, mscale) / yarn_mscale(result.factor, mscale_all_dim)
          : yarn_mscale(result.factor, 1);
  result.attention_factor = positive(rope, "attention_factor", inferred, where);
  return result;
}

// One RoPE for all layers: rope_parameters (new), or rope_theta beside rope_scaling (old).
RopeConfig parse_global_rope(const Json& json,
                             double default_theta,
                             const ModelConfig& config,
                             const std::string& where) {
  const auto theta = json_get_or<double>(json, "rope_theta", default_theta, where);
  for (const char* key : {"rope_parameters", "rope_scaling"}) {
    if (json.contains(key) && !json[key].is_null())
      return parse_rope(json[key], theta, config, where);
  }
  return parse_rope(Json::object(), theta, config, where);
}

void set_all_ropes(const Json& json,
                   const std::string& where,
                   double default_theta,
                   ModelConfig& config) {
  const RopeConfig rope = parse_global_rope(json, default_theta, config, where);
  for (LayerConfig& layer : config.layers) layer.rope = rope;
}

// "layer_types" of config.json as one flag per layer: does it attend through the sliding window?
std::vector<bool> sliding_layers(const Json& json,
                                 const std::string& where,
                                 const ModelConfig& config,
                                 const std::function<bool(size_t)>& fallback) {
  std::vector<bool> sliding(config.layers.size());
  if (!json.contains("layer_types") || json["layer_types"].is_null()) {
    for (size_t i = 0; i < sliding.size(); ++i) sliding[i] = fallback(i);
    return sliding;
  }
  const auto types = json_get<std::vector<std::string>>(json, "layer_types", where);
  if (types.size() != sliding.size()) {
    user_error(where,
               ": layer_types has ",
               types.size(),
               " entries, expected num_hidden_layers ",
               sliding.size());
  }
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i] != "sliding_attention" && types[i] != "full_attention") {
      user_error(where,
                 ": layer_types has \"",
                 types[i],
                 "\", expected sliding_attention or full_attention");
    }
    sliding[i] = types[i] == "sliding_attention";
  }
  return sliding;
}

void set_windows(const Json& json,
                 const std::string& where,
                 const std::vector<bool>& sliding,
                 ModelConfig& config) {
  for (size_t i = 0; i < sliding.size(); ++i) {
    if (!sliding[i]) continue;
    const auto window = json_get<int64_t>(json, "sliding_window", where);
    if (window < 1)
      user_error(where, ": \"sliding_window\" is ", window, ", expected a positive number");
    config.layers[i].sliding_window = window;
  }
}

void configure_llama(const Json& json,
                     const std::string& where,
                     const Family& family,
                     ModelConfig& config) {
  set_all_ropes(json, where, family.default_rope_theta, config);
}

// Source: transformers models/qwen3/configuration_qwen3.py: layers from max_window_layers on slide
// when use_sliding_window.
void configure_qwen3(const Json& json,
                     const std::string& where,
                     const Family& family,
                     ModelConfig& config) {
  config.qk_norm = QkNorm::per_head;
  set_all_ropes(json, where, family.default_rope_theta, config);
  if (!json_get_or<bool>(json, "use_sliding_window", false, where)) return;
  const auto first =
      static_cast<size_t>(json_get_or<int64_t>(json, "max_window_layers", 28, where));
  set_windows(json,
              where,
              sliding_layers(json, where, config, [&](size_t i) { return i >= first; }),
              config);
}

// Source: transformers models/olmo3/configuration_olmo3.py: three sliding layers with plain RoPE,
// then a full one with the scaled RoPE. In the old style rope_scaling speaks of the full layers
// only.
void configure_olmo3(const Json& json,
                     const std::string& where,
                     const Family& family,
                     ModelConfig& config) {
  config.qk_norm = QkNorm::full_width;
  config.norm_placement = NormPlacement::post;
  const auto theta = json_get_or<double>(json, "rope_theta", family.default_rope_theta, where);
  Json ropes = Json::object();
  if (json.contains("rope_parameters") && !json["rope_parameters"].is_null())
    ropes = json["rope_parameters"];
  if (json.contains("rope_scaling") && !json["rope_scaling"].is_null())
    ropes["full_attention"] = json["rope_scaling"];
  const auto rope_of = [&](const char* layer_type) {
    const bool given = ropes.contains(layer_type) && !ropes[layer_type].is_null();
    return parse_rope(given ? ropes[layer_type] : Json::object(), theta, config, where);
  };
  const RopeConfig sliding_rope = rope_of("sliding_attention");
  const RopeConfig full_rope = rope_of("full_attention");
  const auto sliding =
      sliding_layers(json, where, config, [](size_t i) { return (i + 1) % 4 != 0; });
  set_windows(json, where, sliding, config);
  for (size_t i = 0; i < sliding.size(); ++i)
    config.layers[i].rope = sliding[i] ? sliding_rope : full_rope;
}

constexpr std::array kFamilies{
    Family{"llama", 1e4, 1e-6, 0, configure_llama},
    Family{"qwen3", 1e4, 1e-6, 128, configure_qwen3},
    Family{"olmo3", 5e5, 1e-5, 0, configure_olmo3},
};

}  // namespace

std::span<const Family> families() { return kFamilies; }

}  // namespace retmask
