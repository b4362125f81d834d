#pragma once
// The files of configs/eval, embedded in the binary by CMake.

#include <string>
#include <string_view>

#include "retmask/base/json.h"

namespace retmask::eval {

// A JSON file by its name without ".json": "ruler". Throws InternalError if there is none.
const Json& builtin_data(std::string_view name);

// Replaces each {name} by its text in `values`, in a single pass: braces in the values are left
// alone. Throws InternalError for a name without a value.
std::string fill_template(std::string_view text, const Json& values);

}  // namespace retmask::eval
