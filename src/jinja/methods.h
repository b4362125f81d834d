#pragma once
// The methods of str, list, tuple, dict, int and float: one table per type. A row's parameters are
// Python's; "self" is the object.

#include <string_view>

#include "call.h"

namespace retmask::jinja {

// Null if the type has no such method.
const Function* find_method(const Value& object, std::string_view name);
const Function* find_str_method(std::string_view name);  // text_methods.cpp

}  // namespace retmask::jinja
