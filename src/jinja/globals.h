#pragma once
// Globals available to every template: range, dict, namespace, raise_exception, strftime_now, ..

#include <string>
#include <utility>
#include <vector>

#include "value.h"

namespace retmask::jinja {

std::vector<std::pair<std::string, Value>> globals();

}  // namespace retmask::jinja
