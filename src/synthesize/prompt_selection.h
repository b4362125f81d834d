#pragma once
// Prompts of a run.

#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

// Reads, filters and selects prompts according to the options and logs the skipped ones. Throws
// UserError.
PromptSet read_selected_prompts(const Options& options);

}  // namespace retmask::synthesize
