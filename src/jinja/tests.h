#pragma once
// The tests of Jinja2 ("x is odd"): each is a function and a row in the table of tests.cpp.

#include <string_view>

#include "call.h"

namespace retmask::jinja {

// Null if there is none.
const Function* find_test(std::string_view name);
// Throws PythonError if there is none.
Value apply_test(Runtime& runtime, std::string_view name, Value operand, Arguments arguments);

}  // namespace retmask::jinja
