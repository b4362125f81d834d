#pragma once
// Which source answers for which side, and which combinations make sense.

#include <string>

#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

// Throws UserError when a source is missing, one too many or of no use.
void check_sources(const Options& options);

// How the rows name who answered: "synthesis_model" of the reference.
std::string source_name(const Options& options, Policy policy);

}  // namespace retmask::synthesize
