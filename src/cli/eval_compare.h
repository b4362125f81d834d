#pragma once
// eval --compare: what changed between runs.

#include <string>
#include <vector>

#include "common.h"
#include "retmask/eval/compare.h"

namespace retmask::cli {

// Writes compare.json, compare.csv and compare.md, and prints the table. `runs`: "DIR[,DIR...]" and
// "NAME=DIR[,DIR...]", of which only the latter is one group. Throws UserError.
void compare_evaluations(const std::vector<std::string>& runs,
                         eval::NiahScore niah_score,
                         const Invocation& invocation);

}  // namespace retmask::cli
