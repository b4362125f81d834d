#pragma once
// eval --compare: what changed between runs.

#include <filesystem>
#include <vector>

#include "common.h"

namespace retmask::cli {

// Writes compare.json, compare.csv and compare.md, and prints the table. Throws UserError.
void compare_evaluations(const std::vector<std::filesystem::path>& dirs,
                         const Invocation& invocation);

}  // namespace retmask::cli
