#include "retmask/model/config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "families.h"
#include "retmask/base/error.h"

namespace retmask {
namespace {

std::string known_families() {
  std::string names;
  for (const Family& family : families()) {
    names += (names.empty() ? "" : ", ") + std::string(family.model_type);
  }
  return names;
}

// 2^24 is far beyond any real model, and keeps products of two sizes inside int64.
constexpr int64_t kLargestSize = int64_t{1} << 24;

// Returns `fallback` for a missing key unless it is 0. Null always counts as present, hence is an
// error.
int64_t get_size(const Json& config,
                 const std::string& key,
                 int64_t fallback,
                 const std::string& where) {
  if (!config.contains(key) && fallback != 0) return fallback;
  const auto value = json_get<int64_t>(config, key, where);
  if (value < 1 || value > kLargestSize) {
    user_error(where, ": \"", key, "\" is ", value, ", expected 1 to ", kLargestSize);
  }
  return value;
}

bool is_missing(const Json& config, const char* key) {
  return !config.contains(key) || config[key].is_null();
}

// Keys of related models that change the computation without a tensor that would reveal it, with
// the value at which they have no effect. Features with extra tensors are found when the tensors
// are checked.
struct ForeignKey {
  const char* name;
  const char* neutral;  // JSON; null is neutral for every key
};
constexpr std::array kForeignKeys{
    ForeignKey{"clip_qkv", "null"},
    ForeignKey{"logit_scale", "1.0"},
    ForeignKey{"logits_scaling", "1.0"},
    ForeignKey{"embedding_multiplier", "1.0"},
    ForeignKey{"residual_multiplier", "1.0"},
    ForeignKey{"attention_multiplier", "null"},
    ForeignKey{"query_pre_attn_scalar", "null"},
    ForeignKey{"attn_logit_softcapping", "0.0"},
    ForeignKey{"final_logit_softcapping", "0.0"},
    ForeignKey{"scale_emb", "1.0"},
    ForeignKey{"scale_depth", "null"},
    ForeignKey{"dim_model_base", "null"},
    ForeignKey{"attention_chunk_size", "null"},
    ForeignKey{"attn_temperature_tuning", "false"},
    ForeignKey{"no_rope_layers", "[]"},
    ForeignKey{"no_rope_layer_interval", "0"},
    ForeignKey{"rope_interleaved", "false"},
    ForeignKey{"rope_traditional", "false"},
    ForeignKey{"rope_local_base_freq", "null"},
    ForeignKey{"per_layer_config", "{}"},
    ForeignKey{"use_parallel_residual", "false"},
    ForeignKey{"parallel_attn", "false"},
    ForeignKey{"alibi", "false"},
    ForeignKey{"use_bidirectional_attention", "false"},
    ForeignKey{"is_causal", "true"},
    ForeignKey{"is_encoder_decoder", "false"},
    ForeignKey{"add_cross_attention", "false"},
};

void check_foreign_keys(const Json& config, const std::string& where) {
  for (const ForeignKey& key : kForeignKeys) {
    if (is_missing(config, key.name) || config[key.name] == Json::parse(key.neutral)) continue;
    const bool always = std::string_view(key.neutral) == "null";
    user_error(where,
               ": \"",
               key.name,
               "\" is ",
               config[key.name].dump().substr(0, 80),
               ", which is not supported, expected ",
               always ? "" : std::string(key.neutral) + " or ",
               "null");
  }
}

int64_t get_head_dim(const Json& json,
                     const FamilyDefaults& defaults,
                     const ModelConfig& config,
                     const std::string& where) {
  // Null means "derive it" for families that derive it by default, and is an error for the others.
  if (defaults.head_dim != 0 || !is_missing(json, "head_dim"))
    return get_size(json, "head_dim", defaults.head_dim, where);
  if (config.hidden_size % config.num_attention_heads == 0)
    return config.hidden_size / config.num_attention_heads;
  user_error(where,
             ": hidden_size ",
             config.hidden_size,
             " is not a multiple of num_attention_heads ",
             config.num_attention_heads,
             " and \"head_dim\" is missing");
}

TensorType get_dtype(const Json& config, const std::string& where) {
  auto name = json_get_or<std::string>(config, "dtype", "", where);
  if (name.empty()) name = json_get_or<std::string>(config, "torch_dtype", "float32", where);
  if (name == "float32") return TensorType::float32;
  if (name == "float16") return TensorType::float16;
  if (name == "bfloat16") return TensorType::bfloat16;
  user_error(where, ": dtype \"", name, "\", expected float32, float16 or bfloat16");
}

void check_consistent(const ModelConfig& config, const std::string& where) {
  if (config.num_attention_heads % config.num_key_value_heads != 0) {
    user_error(where,
               ": num_attention_heads ",
               config.num_attention_heads,
               " is not a multiple of num_key_value_heads ",
               config.num_key_value_heads);
  }
  if (config.head_dim % 2 != 0) {
    user_error(where, ": head_dim ", config.head_dim, " is odd; rotary embeddings need pairs");
  }
}

void add_linear(std::vector<TensorSpec>& specs,
                const ModelConfig& config,
                const std::string& name,
                int64_t out,
                int64_t in,
                bool bias) {
  specs.push_back({name + ".weight", config.dtype, {out, in}});
  if (bias) specs.push_back({name + ".bias", config.dtype, {out}});
}

}  // namespace

ModelConfig parse_model_config(const Json& json, const std::string& where) {
  if (!json.is_object()) user_error(where, " is not a JSON object");
  const auto model_type = json_get<std::string>(json, "model_type", where);
  const auto known = families();
  const auto family = std::find_if(known.begin(), known.end(), [&](const Family& candidate) {
    return candidate.model_type == model_type;
  });
  if (family == known.end()) {
    user_error(
        where, ": model_type \"", model_type, "\" is not supported; known: ", known_families());
  }

  check_foreign_keys(json, where);
  const FamilyDefaults& defaults = family->defaults;
  ModelConfig config;
  config.model_type = model_type;
  const auto size = [&](const char* key, int64_t fallback) {
    return get_size(json, key, fallback, where);
  };
  config.vocab_size = size("vocab_size", defaults.vocab_size);
  config.hidden_size = size("hidden_size", defaults.hidden_size);
  config.intermediate_size = size("intermediate_size", defaults.intermediate_size);
  config.num_attention_heads = size("num_attention_heads", defaults.num_attention_heads);
  // Null means num_attention_heads in every family; the default for a missing key depends on the
  // family.
  const bool key_value_heads_are_null =
      json.contains("num_key_value_heads") && json["num_key_value_heads"].is_null();
  const int64_t key_value_heads =
      defaults.num_key_value_heads != 0 ? defaults.num_key_value_heads : config.num_attention_heads;
  config.num_key_value_heads = key_value_heads_are_null
                                   ? config.num_attention_heads
                                   : size("num_key_value_heads", key_value_heads);
  config.max_positions = size("max_position_embeddings", defaults.max_position_embeddings);
  config.rms_norm_eps = json_get_or<double>(json, "rms_norm_eps", defaults.rms_norm_eps, where);
  config.head_dim = get_head_dim(json, defaults, config, where);
  config.tie_word_embeddings = json_get_or<bool>(json, "tie_word_embeddings", false, where);
  config.attention_bias = json_get_or<bool>(json, "attention_bias", false, where);
  config.mlp_bias = json_get_or<bool>(json, "mlp_bias", false, where);
  if (config.mlp_bias && !family->has_mlp_bias)
    user_error(where, ": mlp_bias is true, but a ", model_type, " has no such key");
  config.dtype = get_dtype(json, where);
  const auto activation = json_get_or<std::string>(json, "hidden_act", "silu", where);
  if (activation != "silu" && activation != "swish")
    user_error(where, ": hidden_act \"", activation, "\", expected silu");
  config.layers.resize(static_cast<size_t>(size("num_hidden_layers", defaults.num_hidden_layers)));
  check_consistent(config, where);
  family->configure(json, where, *family, config);
  return config;
}

std::vector<TensorSpec> expected_tensors(const ModelConfig& config) {
  const int64_t hidden = config.hidden_size;
  const int64_t q_width = config.num_attention_heads * config.head_dim;
  const int64_t kv_width = config.num_key_value_heads * config.head_dim;
  std::vector<TensorSpec> specs;
  const auto add_norm = [&](const std::string& name, int64_t width) {
    specs.push_back({name + ".weight", config.dtype, {width}});
  };

  specs.push_back({"model.embed_tokens.weight", config.dtype, {config.vocab_size, hidden}});
  for (int64_t i = 0; i < config.num_hidden_layers(); ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    const std::string attention = layer + "self_attn.";
    add_linear(specs, config, attention + "q_proj", q_width, hidden, config.attention_bias);
    add_linear(specs, config, attention + "k_proj", kv_width, hidden, config.attention_bias);
    add_linear(specs, config, attention + "v_proj", kv_width, hidden, config.attention_bias);
    add_linear(specs, config, attention + "o_proj", hidden, q_width, config.attention_bias);
    if (config.qk_norm != QkNorm::none) {
      const bool per_head = config.qk_norm == QkNorm::per_head;
      add_norm(attention + "q_norm", per_head ? config.head_dim : q_width);
      add_norm(attention + "k_norm", per_head ? config.head_dim : kv_width);
    }
    add_linear(
        specs, config, layer + "mlp.gate_proj", config.intermediate_size, hidden, config.mlp_bias);
    add_linear(
        specs, config, layer + "mlp.up_proj", config.intermediate_size, hidden, config.mlp_bias);
    add_linear(
        specs, config, layer + "mlp.down_proj", hidden, config.intermediate_size, config.mlp_bias);
    const NormNames names = norm_names(config.norm_placement);
    add_norm(layer + std::string(names.attention), hidden);
    add_norm(layer + std::string(names.mlp), hidden);
  }
  add_norm("model.norm", hidden);
  if (!config.tie_word_embeddings)
    specs.push_back({"lm_head.weight", config.dtype, {config.vocab_size, hidden}});
  return specs;
}

int64_t num_weights(const ModelConfig& config) {
  int64_t count = 0;
  for (const TensorSpec& spec : expected_tensors(config)) count += spec.num_elements();
  return count;
}

std::vector<std::string> optional_tensor_names(const ModelConfig& config) {
  std::vector<std::string> names;
  if (config.tie_word_embeddings) names.push_back("lm_head.weight");
  return names;
}

NormNames norm_names(NormPlacement placement) {
  if (placement == NormPlacement::pre) return {"input_layernorm", "post_attention_layernorm"};
  return {"post_attention_layernorm", "post_feedforward_layernorm"};
}

}  // namespace retmask
