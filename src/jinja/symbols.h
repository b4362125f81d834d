#pragma once
// Resolves each variable of a template to its location. Jinja2 does this at compile time, scope by
// scope, with observable rules: a name set anywhere in a scope belongs to that scope, even above
// the line that sets it. The rules follow jinja2/idtracking.py and jinja2/compiler.py.

#include <string>

#include "ast.h"

namespace retmask::jinja {

// Fills in slots and scopes. Throws TemplateSyntaxError for anything that Jinja2 rejects at compile
// time: unknown filters and tests, break outside a loop, an assignment to `loop`.
void resolve_symbols(Program& program, const std::string& name);

}  // namespace retmask::jinja
