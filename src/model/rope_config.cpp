#include "rope_config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

#include "retmask/base/error.h"

namespace retmask {
namespace {

constexpr char kFull[] = "full_attention";
constexpr char kSliding[] = "sliding_attention";
constexpr char kOriginal[] = "original_max_position_embeddings";

struct TypeRow {
  RopeType type;
  std::string_view name;
  // Keys of this type beyond rope_type, type, rope_theta and partial_rotary_factor.
  std::vector<std::string_view> keys;
};

const std::array<TypeRow, 5>& type_rows() {
  static const std::array<TypeRow, 5> rows{{
      {RopeType::standard, "default", {}},
      {RopeType::linear, "linear", {"factor"}},
      {RopeType::dynamic, "dynamic", {"factor"}},
      {RopeType::llama3, "llama3", {"factor", kOriginal, "low_freq_factor", "high_freq_factor"}},
      {RopeType::yarn,
       "yarn",
       {"factor",
        kOriginal,
        "attention_factor",
        "beta_fast",
        "beta_slow",
        "mscale",
        "mscale_all_dim",
        "truncate"}},
  }};
  return rows;
}

bool contains(const std::vector<std::string_view>& keys, std::string_view key) {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// Keys of every type.
bool is_known(std::string_view key) {
  static const std::vector<std::string_view> common = {
      "rope_type", "type", "rope_theta", "partial_rotary_factor"};
  if (contains(common, key)) return true;
  for (const TypeRow& row : type_rows()) {
    if (contains(row.keys, key)) return true;
  }
  return false;
}

// Keys of other programs that have no effect at this value.
bool is_neutral(const std::string& key, const Json& value) {
  if (value.is_null() || key == "finetuned") return true;
  if (key == "attn_factor" || key == "extrapolation_factor") return value == 1;
  return key == "mrope_interleaved" && value == false;
}

void check_known(const Json& rope, const std::string& where) {
  for (const auto& [key, value] : rope.items()) {
    if (is_known(key) || is_neutral(key, value)) continue;
    user_error(where,
               ": unknown key \"",
               key,
               "\"; positions may be wrong if it is ignored; remove it if it has no effect");
  }
}

// Null is neither a number nor a request for a default.
double positive(const Json& object, const std::string& key, const std::string& where) {
  if (!object.contains(key)) user_error(where, ": \"", key, "\" is missing");
  if (object[key].is_null())
    user_error(where, ": \"", key, "\" is null, expected a positive number");
  const auto value = json_get<double>(object, key, where);
  if (!(value > 0) || !std::isfinite(value))
    user_error(where, ": \"", key, "\" is ", value, ", expected a positive number");
  return value;
}

// Missing, null and 0 mean the default, as in transformers ("or").
double positive_or(const Json& rope, const char* key, double fallback, const std::string& where) {
  if (json_get_or<double>(rope, key, 0, where) == 0) return fallback;
  return positive(rope, key, where);
}

int64_t positive_length(const Json& object, const std::string& where) {
  const double value = positive(object, kOriginal, where);
  if (value != std::floor(value) || value > 1e9)
    user_error(where, ": \"", kOriginal, "\" is ", value, ", expected a whole number");
  return static_cast<int64_t>(value);
}

// Returns the object, or null if the key is missing or null.
const Json* find_object(const Json& json, const char* key, const std::string& where) {
  const auto found = json.find(key);
  if (found == json.end() || found->is_null()) return nullptr;
  if (!found->is_object()) {
    user_error(where, ": \"", key, "\" is ", found->dump().substr(0, 80), ", expected an object");
  }
  return &*found;
}

// Where transformers looks for values outside of the RoPE's own keys.
struct Surroundings {
  std::string where;               // "config.json: rope_scaling"
  const Json* theta_at = nullptr;  // an object that may hold rope_theta
  double default_theta = 0;
  const Json* original_at = nullptr;  // an object whose original length wins; null: none does
  const Json* truncate_at = nullptr;  // the object in which YaRN looks for "truncate"
  int64_t max_position_embeddings = 0;
};

const TypeRow& type_of(const Json& rope, const Surroundings& at, ModelConfig& config) {
  const auto name_at = [&](const char* key) {
    if (rope[key].is_null()) user_error(at.where, ": \"", key, "\" is null, expected a rope type");
    return json_get<std::string>(rope, key, at.where);
  };
  std::string name = "default";
  if (rope.contains("rope_type")) {
    name = name_at("rope_type");
    const auto old_name = rope.find("type");
    if (old_name != rope.end() && !old_name->is_null() && *old_name != name) {
      config.warnings.push_back(at.where + ": rope_type \"" + name + "\" wins over type " +
                                old_name->dump() + ", as in transformers");
    }
  } else if (rope.contains("type")) {
    name = name_at("type");
  }
  std::string known;
  for (const TypeRow& row : type_rows()) {
    if (row.name == name) return row;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  user_error(at.where, ": rope_type \"", name, "\" is not supported; known: ", known);
}

void warn_of_unused_keys(const Json& rope,
                         const TypeRow& type,
                         const std::string& where,
                         ModelConfig& config) {
  std::string unused;
  for (const auto& [key, value] : rope.items()) {
    const bool common = key == "rope_type" || key == "type" || key == "rope_theta" ||
                        key == "partial_rotary_factor";
    if (common || value.is_null() || !is_known(key) || contains(type.keys, key)) continue;
    unused += (unused.empty() ? "" : ", ") + key;
  }
  if (unused.empty()) return;
  config.warnings.push_back(where + ": rope_type \"" + std::string(type.name) + "\" does not use " +
                            unused);
}

void check_whole_rotary(const Json& object, const std::string& where) {
  for (const char* key : {"partial_rotary_factor", "rotary_pct", "rope_percent"}) {
    if (json_get_or<double>(object, key, 1.0, where) != 1.0)
      user_error(where, ": ", key, " is not supported, expected 1");
  }
}

double theta_of(const Json& rope, const Surroundings& at) {
  if (rope.contains("rope_theta")) return positive(rope, "rope_theta", at.where);
  if (at.theta_at != nullptr && at.theta_at->contains("rope_theta"))
    return positive(*at.theta_at, "rope_theta", at.where);
  return at.default_theta;
}

int64_t original_length(const Json& rope, const Surroundings& at) {
  if (at.original_at != nullptr && at.original_at->contains(kOriginal))
    return positive_length(*at.original_at, at.where);
  return rope.contains(kOriginal) ? positive_length(rope, at.where) : at.max_position_embeddings;
}

// Source: get_mscale in transformers modeling_rope_utils.py.
double yarn_mscale(double factor, double mscale) {
  return factor <= 1 ? 1.0 : 0.1 * mscale * std::log(factor) + 1.0;
}

void read_llama3(const Json& rope, const std::string& where, RopeConfig& result) {
  result.low_freq_factor = positive(rope, "low_freq_factor", where);
  result.high_freq_factor = positive(rope, "high_freq_factor", where);
  if (result.low_freq_factor == result.high_freq_factor) {
    user_error(where,
               ": low_freq_factor equals high_freq_factor ",
               result.low_freq_factor,
               ", expected two different numbers");
  }
}

// `result` has its factor, theta and original length.
void read_yarn(const Json& rope, const Surroundings& at, RopeConfig& result) {
  if (result.rope_theta == 1) user_error(at.where, ": rope_theta is 1, expected more for YaRN");
  result.beta_fast = positive_or(rope, "beta_fast", 32, at.where);
  result.beta_slow = positive_or(rope, "beta_slow", 1, at.where);
  // Null counts as false.
  result.truncate = !at.truncate_at->contains("truncate") ||
                    json_get_or<bool>(*at.truncate_at, "truncate", false, at.where);
  const auto mscale = json_get_or<double>(rope, "mscale", 0, at.where);
  const auto mscale_all_dim = json_get_or<double>(rope, "mscale_all_dim", 0, at.where);
  result.attention_factor =
      mscale != 0 && mscale_all_dim != 0
          ? yarn_mscale(result.factor, mscale) / yarn_mscale(result.factor, mscale_all_dim)
          : yarn_mscale(result.factor, 1);
  if (rope.contains("attention_factor") && !rope["attention_factor"].is_null())
    result.attention_factor = positive(rope, "attention_factor", at.where);
}

RopeConfig read_parameters(const Json& rope, const Surroundings& at, ModelConfig& config) {
  check_known(rope, at.where);
  check_whole_rotary(rope, at.where);
  const TypeRow& type = type_of(rope, at, config);
  warn_of_unused_keys(rope, type, at.where, config);
  RopeConfig result;
  result.type = type.type;
  result.rope_theta = theta_of(rope, at);
  if (type.type == RopeType::standard) return result;
  if (type.type == RopeType::llama3 || type.type == RopeType::yarn) {
    result.original_max_position_embeddings = original_length(rope, at);
  } else if (type.type == RopeType::dynamic) {
    result.original_max_position_embeddings = at.max_position_embeddings;
    if (config.head_dim <= 2)
      user_error(at.where, ": dynamic RoPE with head_dim ", config.head_dim, ", expected more");
  }
  // Only YaRN has a default for a factor that is null.
  if (type.type == RopeType::yarn && rope.contains("factor") && rope["factor"].is_null()) {
    result.factor = static_cast<double>(at.max_position_embeddings) /
                    static_cast<double>(result.original_max_position_embeddings);
  } else {
    result.factor = positive(rope, "factor", at.where);
  }
  if (type.type == RopeType::llama3) read_llama3(rope, at.where, result);
  if (type.type == RopeType::yarn) read_yarn(rope, at, result);
  return result;
}

// The two objects that may hold RoPE keys, null if absent.
struct RopeObjects {
  const Json* scaling = nullptr;     // "rope_scaling", the old style
  const Json* parameters = nullptr;  // "rope_parameters", the new one
};

RopeObjects find_rope_objects(const Json& json, const std::string& where) {
  check_whole_rotary(json, where);
  return {.scaling = find_object(json, "rope_scaling", where),
          .parameters = find_object(json, "rope_parameters", where)};
}

}  // namespace

RopeConfig read_rope(const Json& json,
                     const std::string& where,
                     double default_theta,
                     ModelConfig& config) {
  const auto [scaling, parameters] = find_rope_objects(json, where);
  const bool scales = scaling != nullptr && !scaling->empty();
  if (scales && parameters != nullptr && !parameters->empty() && *parameters != *scaling) {
    config.warnings.push_back(where +
                              ": rope_scaling wins over rope_parameters, as in transformers");
  }
  const Json none = Json::object();
  const Json& rope = scales ? *scaling : parameters != nullptr ? *parameters : none;
  const std::string at = where + (scales ? ": rope_scaling" : ": rope_parameters");
  for (const char* layer_type : {kFull, kSliding}) {
    if (!rope.contains(layer_type)) continue;
    user_error(at,
               " has \"",
               layer_type,
               "\", but a ",
               config.model_type,
               " has one RoPE for all layers; write its keys without the layer type");
  }
  return read_parameters(rope,
                         {.where = at,
                          .theta_at = &json,
                          .default_theta = default_theta,
                          .original_at = &json,
                          .truncate_at = &rope,
                          .max_position_embeddings = config.max_positions},
                         config);
}

RopePerLayerType read_rope_per_layer_type(const Json& json,
                                          const std::string& where,
                                          double default_theta,
                                          ModelConfig& config) {
  const auto [scaling, parameters] = find_rope_objects(json, where);
  const std::string at = where + ": rope_parameters";
  const Json plain{{"rope_type", "default"}};
  Json outside = Json::object();  // keys outside the layer types
  Json full = plain;
  Json sliding = plain;
  if (parameters != nullptr) {
    for (const auto& [key, value] : parameters->items()) {
      if (key != kFull && key != kSliding) outside[key] = value;
    }
    check_known(outside, at);
    const Json* full_given = find_object(*parameters, kFull, at);
    const Json* sliding_given = find_object(*parameters, kSliding, at);
    if (scaling != nullptr && !scaling->empty() && full_given == nullptr) {
      user_error(where,
                 ": rope_scaling would be merged into rope_parameters' \"",
                 kFull,
                 "\", which is not there; write it there");
    }
    if (full_given != nullptr) full = *full_given;
    if (sliding_given != nullptr) sliding = *sliding_given;
  }
  if (scaling != nullptr) full.update(*scaling);

  std::string unused;
  for (const auto& [key, value] : outside.items()) {
    if (key != "truncate" && !value.is_null()) unused += (unused.empty() ? "" : ", ") + key;
  }
  if (!unused.empty()) {
    config.warnings.push_back(at + ": " + unused + " without a layer type (" + kFull + ", " +
                              kSliding + ") has no effect, as in transformers");
  }
  for (const Json* rope : {&full, &sliding}) {
    if (!rope->contains("truncate") || outside.contains("truncate")) continue;
    config.warnings.push_back(at +
                              ": \"truncate\" has an effect only outside the layer types, as "
                              "in transformers");
    break;
  }
  const auto top = json.find("rope_theta");
  if (top != json.end() && *top != default_theta && !sliding.contains("rope_theta")) {
    config.warnings.push_back(detail::concat(where,
                                             ": rope_theta ",
                                             top->dump(),
                                             " applies only to the ",
                                             kFull,
                                             " layers; the ",
                                             kSliding,
                                             " layers use ",
                                             default_theta,
                                             ", as in transformers"));
  }
  Surroundings around{.where = at + "." + kSliding,
                      .theta_at = nullptr,
                      .default_theta = default_theta,
                      .original_at = nullptr,
                      .truncate_at = &outside,
                      .max_position_embeddings = config.max_positions};
  RopePerLayerType result;
  result.sliding = read_parameters(sliding, around, config);
  around.where = at + "." + kFull;
  around.theta_at = &json;
  result.full = read_parameters(full, around, config);
  return result;
}

int64_t scaled_positions(const std::vector<RopeConfig>& ropes, int64_t max_position_embeddings) {
  constexpr double kMost = 1 << 24;
  const auto plain = static_cast<double>(max_position_embeddings);
  double positions = plain;
  for (const RopeConfig& rope : ropes) {
    if (rope.type == RopeType::standard || rope.type == RopeType::llama3) continue;
    positions = rope.factor * plain;
    if (rope.type == RopeType::yarn) {
      const auto original = static_cast<double>(rope.original_max_position_embeddings);
      positions = std::max(plain, rope.factor * original);
    }
  }
  return std::max<int64_t>(1, static_cast<int64_t>(std::min(positions, kMost)));
}

}  // namespace retmask
