#pragma once
// "did you mean": our name for a flag of another tool, otherwise the nearest known name.

#include <string>
#include <vector>

namespace retmask::cli {

// "; did you mean --lengths?", or an empty string if no known name is close.
std::string suggestion(const std::string& name, const std::vector<std::string>& known);

}  // namespace retmask::cli
