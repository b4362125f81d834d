#pragma once
// Python's pprint.pformat, for the filter pprint.

#include <string>

#include "runtime.h"
#include "value.h"

namespace retmask::jinja {

// Sorted by keys, and broken into several lines if wider than 80 columns.
std::string pretty_repr(Runtime& runtime, const Value& value);

}  // namespace retmask::jinja
