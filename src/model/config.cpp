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

int64_t get_size(const Json& config, const std::string& key, const std::string& where) {
  // 2^24 is far beyond any real model, and keeps products of two sizes inside int64.
  constexpr int64_t kLargest = int64_t{1} << 24;
  const auto value = json_get<int64_t>(config, key, where);
  if (value < 1 || value > kLargest) {
    user_error(where, ": \"", key, "\" is ", value, ", expected 1 to ", kLargest);
  }
  return value;
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

  ModelConfig config;
  config.model_type = model_type;
  config.vocab_size = get_size(json, "vocab_size", where);
  config.hidden_size = get_size(json, "hidden_size", where);
  config.intermediate_size = get_size(json, "intermediate_size", where);
  config.num_attention_heads = get_size(json, "num_attention_heads", where);
  config.num_key_value_heads =
      json.contains("num_key_value_heads") && !json["num_key_value_heads"].is_null()
          ? get_size(json, "num_key_value_heads", where)
          : config.num_attention_heads;
  config.max_position_embeddings = get_size(json, "max_position_embeddings", where);
  config.rms_norm_eps =
      json_get_or<double>(json, "rms_norm_eps", family->default_rms_norm_eps, where);
  if (json.contains("head_dim") && !json["head_dim"].is_null()) {
    config.head_dim = get_size(json, "head_dim", where);
  } else if (family->default_head_dim != 0) {
    config.head_dim = family->default_head_dim;
  } else if (config.hidden_size % config.num_attention_heads == 0) {
    config.head_dim = config.hidden_size / config.num_attention_heads;
  } else {
    user_error(where,
               ": hidden_size ",
               config.hidden_size,
               " is not a multiple of num_attention_heads ",
               config.num_attention_heads,
               " and \"head_dim\" is missing");
  }
  config.tie_word_embeddings = json_get_or<bool>(json, "tie_word_embeddings", false, where);
  config.attention_bias = json_get_or<bool>(json, "attention_bias", false, where);
  config.mlp_bias = json_get_or<bool>(json, "mlp_bias", false, where);
  config.dtype = get_dtype(json, where);
  const auto activation = json_get_or<std::string>(json, "hidden_act", "silu", where);
  if (activation != "silu") user_error(where, ": hidden_act \"", activation, "\", expected silu");
  config.layers.resize(static_cast<size_t>(get_size(json, "num_hidden_layers", where)));
  family->configure(json, where, *family, config);
  check_consistent(config, where);
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
  for (int64_t i = 0; i < config.num_hidden_layers(); ++i) {
    names.push_back("model.layers." + std::to_string(i) + ".self_attn.rotary_emb.inv_freq");
  }
  return names;
}

NormNames norm_names(NormPlacement placement) {
  if (placement == NormPlacement::pre) return {"input_layernorm", "post_attention_layernorm"};
  return {"post_attention_layernorm", "post_feedforward_layernorm"};
}

}  // namespace retmask
