#pragma once
// What transformers' Jinja settings do to a template's source and minja does not.

#include <string>
#include <string_view>

namespace retmask::text {

// The source with "\r\n" as "\n", and without the blanks before a {% block %} or {# comment #} that
// starts its line (lstrip_blocks; minja would strip those before an {{ expression }} too).
std::string prepare_template(std::string_view source);

}  // namespace retmask::text
