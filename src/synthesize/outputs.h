#pragma once
// The final files, out of the finished journal.

#include <filesystem>
#include <vector>

#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

// Every answer of `prompts` must be in `journal`. Each file appears whole; they depend on prompts,
// answers and options alone. Returns what it counted.
Summary write_outputs(const Options& options,
                      const PromptSet& set,
                      const AnswerJournal& journal,
                      const std::filesystem::path& out);

}  // namespace retmask::synthesize
