#pragma once

#include <string>
#include <string_view>

#include "ast.h"

namespace retmask::jinja {

// Throws TemplateSyntaxError. Variables have no slots yet, see symbols.h.
Program parse_template(std::string_view source, const std::string& name);

}  // namespace retmask::jinja
