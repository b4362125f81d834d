#pragma once
// "did you mean": the known name that other tools' users mean, else the nearest.

#include <string>
#include <vector>

namespace retmask::cli {

// "; did you mean --lengths?" or an empty string when nothing known is close.
std::string suggestion(const std::string& name, const std::vector<std::string>& known);

}  // namespace retmask::cli
