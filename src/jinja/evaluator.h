#pragma once

#include <string>

#include "ast.h"
#include "dict.h"
#include "runtime.h"

namespace retmask::jinja {

// Renders the template. `variables` are visible to it in addition to the globals. Throws
// PythonError, and RaisedByTemplate from raise_exception; runtime.line is then the line where it
// happened.
std::string evaluate_program(const Program& program, const Dict& variables, Runtime& runtime);

}  // namespace retmask::jinja
