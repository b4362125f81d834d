#pragma once
// Build identification, for --version and run.json.

#include <string_view>

namespace retmask {

std::string_view version();       // "0.1.0"
std::string_view git_revision();  // "a1b2c3d" as of the last configure, "unknown" outside of git

}  // namespace retmask
