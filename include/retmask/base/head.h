#pragma once
// An attention head of a model, and its name.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace retmask {

struct Head {
  int64_t layer = 0;  // zero-based
  int64_t head = 0;

  auto operator<=>(const Head&) const = default;
};

// "18-6", the key of head_scores.json and of --heads.
std::string to_string(const Head& head);
// Empty unless the name is LAYER-HEAD.
std::optional<Head> parse_head_name(std::string_view name);

}  // namespace retmask
