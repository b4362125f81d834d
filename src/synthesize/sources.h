#pragma once
// Checks of the answer sources and their names in the output rows.

#include <string>

#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

// Throws UserError if a source is missing, redundant or unused.
void check_sources(const Options& options);

// Name of a policy's source in the rows: the reference's "synthesis_model".
std::string source_name(const Options& options, Policy policy);

}  // namespace retmask::synthesize
