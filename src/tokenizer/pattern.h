#pragma once
// {"pattern": {"Regex": ..} or {"String": ..}}, used by Split and Replace.

#include <string>
#include <string_view>

#include "regular_expression.h"
#include "retmask/base/json.h"

namespace retmask::text {

// Reads the "pattern" of `json`. Throws UserError, which names `where`.
Regex read_pattern(const Json& json, const std::string& where);

// Replaces every match with `content`, taken literally.
std::string replace_all(std::string_view text, const Regex& pattern, std::string_view content);

}  // namespace retmask::text
