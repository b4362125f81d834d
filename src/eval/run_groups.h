#pragma once
// Names of the compared groups of runs.

#include <vector>

#include "retmask/eval/compare.h"

namespace retmask::eval {

// Gives every group a name: its own, or that of its folder, or the path as given where those are
// equal. Throws UserError if a given name is not the only one of its kind.
void name_groups(std::vector<RunGroup>& groups);

}  // namespace retmask::eval
