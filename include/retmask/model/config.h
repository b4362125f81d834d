#pragma once
// Model configuration. Families are data: to add one, write a function in src/model/families.cpp
// that maps its config.json to these structs.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/checkpoint/checkpoint.h"
#include "retmask/checkpoint/safetensors.h"

namespace retmask {

enum class RopeType { standard, linear, dynamic, llama3, yarn };

// Rotary position embedding. Source: transformers modeling_rope_utils.py
// (_compute_{linear_scaling_rope,dynamic_ntk,llama3,yarn}_parameters).
struct RopeConfig {
  RopeType type = RopeType::standard;
  double rope_theta = 10000.0;
  double factor = 1.0;
  // llama3 and yarn: the pre-training length that they stretch. dynamic: the length up to which
  // nothing changes.
  int64_t original_max_position_embeddings = 0;
  // llama3
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  // yarn
  double beta_fast = 32.0;
  double beta_slow = 1.0;
  double attention_factor = 1.0;  // multiplies cos and sin
  bool truncate = true;

  // Whether a token's rotation depends on the length of its sequence (model/rope.h).
  bool depends_on_length() const { return type == RopeType::dynamic; }
  bool operator==(const RopeConfig&) const = default;
};

enum class QkNorm {
  none,
  per_head,    // RMSNorm over each head's head_dim (Qwen3)
  full_width,  // RMSNorm over all heads together, before they are split (Olmo-3)
};

enum class NormPlacement {
  pre,   // x + f(norm(x)) (Llama, Qwen3)
  post,  // x + norm(f(x)) (Olmo-3)
};

struct LayerConfig {
  std::optional<int64_t> sliding_window;  // a query sees itself and the window - 1 keys before it
  RopeConfig rope;
};

struct ModelConfig {
  std::string model_type;  // "llama", "qwen3", "olmo3"
  int64_t vocab_size = 0;
  int64_t hidden_size = 0;
  int64_t intermediate_size = 0;
  int64_t num_attention_heads = 0;
  int64_t num_key_value_heads = 0;
  int64_t head_dim = 0;  // from config.json; derived only if missing there
  // The longest sequence: config.json's max_position_embeddings as extended by its RoPE scaling, or
  // the user's override (limit_positions).
  int64_t max_positions = 0;
  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = false;
  bool attention_bias = false;  // on q, k, v and o
  bool mlp_bias = false;
  QkNorm qk_norm = QkNorm::none;
  NormPlacement norm_placement = NormPlacement::pre;
  TensorType dtype = TensorType::float32;  // "dtype" or "torch_dtype" of config.json
  std::vector<LayerConfig> layers;
  // Warnings for the user: keys that have no effect, or that override each other.
  std::vector<std::string> warnings;

  int64_t num_hidden_layers() const { return static_cast<int64_t>(layers.size()); }
};

// Reads config.json as transformers 5 does: its old style (rope_theta, rope_scaling), its new style
// (rope_parameters), and mixtures of both. `where` names the file in errors. Throws UserError for
// an unknown model_type (lists the known ones), impossible sizes, and features that would otherwise
// be computed wrongly (another activation, another rope type, scaled logits).
ModelConfig parse_model_config(const Json& config, const std::string& where);

// The same for a checkpoint, taking its tensors into account: a separate lm_head is used despite
// "tie_word_embeddings", as in transformers. Logs the warnings.
ModelConfig read_model_config(const Checkpoint& checkpoint);

// --max-position: overrides config.json's limit with `positions` tokens; 0 keeps it. Warns when the
// limit changes. Throws UserError when out of range.
void limit_positions(ModelConfig& config, int64_t positions);

// Names and shapes of the tensors that a checkpoint of this config must hold, layer by layer.
std::vector<TensorSpec> expected_tensors(const ModelConfig& config);

// Total number of elements.
int64_t num_weights(const ModelConfig& config);

// A tensor that it may also hold and that is ignored: a copy of tied embeddings.
std::vector<std::string> optional_tensor_names(const ModelConfig& config);

}  // namespace retmask
