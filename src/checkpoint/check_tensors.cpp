#include <algorithm>
#include <array>
#include <set>

#include "other_formats.h"
#include "retmask/base/error.h"
#include "retmask/checkpoint/checkpoint.h"

namespace retmask {
namespace {

constexpr size_t kListed = 8;

// "3 missing: a, b, c"; a long list is cut to the first names and a count.
std::string describe(const std::vector<std::string>& names, const std::string& kind) {
  std::string text = std::to_string(names.size()) + " " + kind + ": ";
  for (size_t i = 0; i < std::min(names.size(), kListed); ++i)
    text += (i > 0 ? ", " : "") + names[i];
  if (names.size() > kListed) text += " and " + std::to_string(names.size() - kListed) + " more";
  return text;
}

// The part of a name after its last dot.
std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') + 1); }

// Buffers of older versions of transformers and of other programs, at any level: they are
// recomputed from the config, or hold the causal mask.
bool is_harmless_buffer(const TensorSpec& spec) {
  const std::string_view name = spec.name;
  if (name.starts_with("rotary_emb.") || name.find(".rotary_emb.") != std::string_view::npos)
    return true;
  constexpr std::array<std::string_view, 6> kNames{
      "inv_freq", "original_inv_freq", "cos_cached", "sin_cached", "masked_bias", "position_ids"};
  if (std::find(kNames.begin(), kNames.end(), last_part(name)) != kNames.end()) return true;
  // A lower triangle of ones over all positions.
  const bool is_bias = name.ends_with("attn.bias") || name.ends_with("attention.bias");
  return is_bias && spec.shape.size() == 4 && spec.shape[0] == 1 && spec.shape[1] == 1;
}

}  // namespace

void check_tensors(const Checkpoint& checkpoint,
                   const std::vector<TensorSpec>& expected,
                   const std::vector<std::string>& optional_names) {
  const std::set<std::string> optional(optional_names.begin(), optional_names.end());
  const auto& held = checkpoint.tensors();
  std::set<std::string> known = optional;
  std::vector<std::string> missing, unexpected, wrong_shape, wrong_type;
  for (const TensorSpec& spec : expected) {
    known.insert(spec.name);
    const auto found = held.find(spec.name);
    if (found == held.end()) {
      if (!optional.contains(spec.name)) missing.push_back(spec.name);
    } else if (found->second.shape != spec.shape) {
      wrong_shape.push_back(spec.name + " is " + format_shape(found->second.shape) + ", expected " +
                            format_shape(spec.shape));
    } else if (is_floating(found->second.type) != is_floating(spec.type)) {
      wrong_type.push_back(spec.name + " is " + std::string(safetensors_name(found->second.type)));
    }
  }
  for (const auto& [name, spec] : held) {
    if (!known.contains(name) && !is_harmless_buffer(spec)) unexpected.push_back(name);
  }

  std::string problems;
  const auto report = [&](const std::vector<std::string>& names, const std::string& kind) {
    if (!names.empty()) problems += (problems.empty() ? "" : "; ") + describe(names, kind);
  };
  report(missing, "missing");
  report(unexpected, "unexpected");
  report(wrong_shape, "of the wrong shape");
  report(wrong_type, "of the wrong type");
  const auto quantized = std::find_if(unexpected.begin(), unexpected.end(), is_quantized_part);
  if (quantized != unexpected.end()) {
    user_error("the weights in ",
               checkpoint.dir(),
               " are quantized (",
               *quantized,
               "), which config.json does not mention",
               kDequantize);
  }
  if (!problems.empty()) {
    user_error("the weights in ", checkpoint.dir(), " do not fit its config.json: ", problems);
  }
}

}  // namespace retmask
