#pragma once
// The prompts that a run answers.

#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

// Reads, filters and selects as the options say, and logs what is left out. Throws UserError.
PromptSet read_selected_prompts(const Options& options);

}  // namespace retmask::synthesize
