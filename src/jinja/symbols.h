#pragma once
// Finds out where each variable of a template lives. Jinja2 decides this when it compiles, scope by
// scope, and its rules show: a name that is set anywhere in a scope is that scope's own, even above
// the line that sets it. The rules are those of jinja2/idtracking.py and jinja2/compiler.py.

#include <string>

#include "ast.h"

namespace retmask::jinja {

// Fills in slots and scopes. Throws TemplateSyntaxError for what Jinja2 refuses when it compiles:
// filters and tests that do not exist, break outside of a loop, an assignment to `loop`.
void resolve_symbols(Program& program, const std::string& name);

}  // namespace retmask::jinja
