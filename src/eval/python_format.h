#pragma once
// Templates of Python programs, as judges' prompts are published.

#include <string>
#include <string_view>

#include "retmask/base/json.h"

namespace retmask::eval {

// str.format(**values) for plain fields: {name} is replaced by its text in `values`, {{ and }} are
// braces. Values are not looked into. Throws UserError that names `where` for a field without a
// value, and for a brace that is neither.
std::string python_format(std::string_view text, const Json& values, const std::string& where);

}  // namespace retmask::eval
