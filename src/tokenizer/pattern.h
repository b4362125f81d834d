#pragma once
// {"pattern": {"Regex": ..} or {"String": ..}}, as Split and Replace have it.

#include <string>
#include <string_view>

#include "regular_expression.h"
#include "retmask/base/json.h"

namespace retmask::text {

// The "pattern" of `json`. Throws UserError, which names `where`.
Regex read_pattern(const Json& json, const std::string& where);

// Every match replaced by `content`, taken literally.
std::string replace_all(std::string_view text, const Regex& pattern, std::string_view content);

}  // namespace retmask::text
