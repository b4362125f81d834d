#include "families.h"

#include <algorithm>
#include <array>
#include <functional>

#include "retmask/base/error.h"
#include "rope_config.h"

namespace retmask {
namespace {

constexpr int64_t kDefaultWindow = 4096;

void set_all_ropes(const Json& json,
                   const std::string& where,
                   const Family& family,
                   ModelConfig& config) {
  const RopeConfig rope = read_rope(json, where, family.defaults.rope_theta, config);
  for (LayerConfig& layer : config.layers) layer.rope = rope;
  config.max_positions = scaled_positions({rope}, config.max_positions);
}

// "layer_types" of config.json as one flag per layer: true for sliding-window attention.
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

// `fallback`: the window if the key is missing. An explicit null means no window.
void set_windows(const Json& json,
                 const std::string& where,
                 const std::vector<bool>& sliding,
                 int64_t fallback,
                 ModelConfig& config) {
  const bool given = json.contains("sliding_window");
  for (size_t i = 0; i < sliding.size(); ++i) {
    if (!sliding[i]) continue;
    const auto window = given ? json_get<int64_t>(json, "sliding_window", where) : fallback;
    if (window < 1)
      user_error(where, ": \"sliding_window\" is ", window, ", expected a positive number");
    config.layers[i].sliding_window = window;
  }
}

// Llama has no window in transformers, but other programs apply one if the key is set.
void check_no_window(const Json& json, const std::string& where, const ModelConfig& config) {
  const auto sliding = sliding_layers(json, where, config, [](size_t) { return false; });
  if (std::find(sliding.begin(), sliding.end(), true) != sliding.end())
    user_error(where, ": layer_types has \"sliding_attention\", which a llama does not have");
  const bool used = json_get_or<bool>(json, "use_sliding_window", true, where);
  const auto window = json_get_or<int64_t>(json, "sliding_window", 0, where);
  if (used && window != 0 && window < config.max_positions) {
    user_error(where,
               ": \"sliding_window\" is ",
               window,
               ", but a llama has none: transformers ignores it and other programs do not; set it "
               "to null if the model was trained without");
  }
}

void configure_llama(const Json& json,
                     const std::string& where,
                     const Family& family,
                     ModelConfig& config) {
  set_all_ropes(json, where, family, config);
  check_no_window(json, where, config);
}

// Source: transformers models/qwen3/configuration_qwen3.py: with use_sliding_window and a window,
// layers from max_window_layers on use it.
void configure_qwen3(const Json& json,
                     const std::string& where,
                     const Family& family,
                     ModelConfig& config) {
  config.qk_norm = QkNorm::per_head;
  set_all_ropes(json, where, family, config);
  const bool window_is_null = json.contains("sliding_window") && json["sliding_window"].is_null();
  const bool slides =
      json_get_or<bool>(json, "use_sliding_window", false, where) && !window_is_null;
  const auto first = json_get_or<int64_t>(json, "max_window_layers", 28, where);
  const auto sliding = sliding_layers(
      json, where, config, [&](size_t i) { return slides && static_cast<int64_t>(i) >= first; });
  if (!slides && std::find(sliding.begin(), sliding.end(), true) != sliding.end()) {
    user_error(where,
               ": layer_types has \"sliding_attention\", but ",
               window_is_null ? "\"sliding_window\" is null" : "\"use_sliding_window\" is false");
  }
  set_windows(json, where, sliding, kDefaultWindow, config);
}

// Source: transformers models/olmo3/configuration_olmo3.py: three sliding layers with plain RoPE,
// followed by a full one with scaled RoPE.
void configure_olmo3(const Json& json,
                     const std::string& where,
                     const Family& family,
                     ModelConfig& config) {
  config.qk_norm = QkNorm::full_width;
  config.norm_placement = NormPlacement::post;
  const RopePerLayerType ropes =
      read_rope_per_layer_type(json, where, family.defaults.rope_theta, config);
  config.max_positions = scaled_positions({ropes.sliding, ropes.full}, config.max_positions);
  const auto sliding =
      sliding_layers(json, where, config, [](size_t i) { return (i + 1) % 4 != 0; });
  set_windows(json, where, sliding, kDefaultWindow, config);
  for (size_t i = 0; i < sliding.size(); ++i)
    config.layers[i].rope = sliding[i] ? ropes.sliding : ropes.full;
}

constexpr std::array kFamilies{
    Family{.model_type = "llama",
           .defaults = {.vocab_size = 32000,
                        .hidden_size = 4096,
                        .intermediate_size = 11008,
                        .num_hidden_layers = 32,
                        .num_attention_heads = 32,
                        .num_key_value_heads = 0,
                        .head_dim = 0,
                        .max_position_embeddings = 2048,
                        .rope_theta = 1e4,
                        .rms_norm_eps = 1e-6},
           .has_mlp_bias = true,
           .configure = configure_llama},
    Family{.model_type = "qwen3",
           .defaults = {.vocab_size = 151936,
                        .hidden_size = 4096,
                        .intermediate_size = 22016,
                        .num_hidden_layers = 32,
                        .num_attention_heads = 32,
                        .num_key_value_heads = 32,
                        .head_dim = 128,
                        .max_position_embeddings = 32768,
                        .rope_theta = 1e4,
                        .rms_norm_eps = 1e-6},
           .has_mlp_bias = false,
           .configure = configure_qwen3},
    Family{.model_type = "olmo3",
           .defaults = {.vocab_size = 50304,
                        .hidden_size = 4096,
                        .intermediate_size = 11008,
                        .num_hidden_layers = 32,
                        .num_attention_heads = 32,
                        .num_key_value_heads = 0,
                        .head_dim = 0,
                        .max_position_embeddings = 2048,
                        .rope_theta = 5e5,
                        .rms_norm_eps = 1e-5},
           .has_mlp_bias = false,
           .configure = configure_olmo3},
};

}  // namespace

std::span<const Family> families() { return kFamilies; }

}  // namespace retmask
