#pragma once
// The final files, out of the finished answers.

#include <filesystem>
#include <functional>

#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

// The finished answer to a task.
using AnswerSource = std::function<Answer(const AnswerTask& task)>;

// Writes row by row and holds one prompt's answers at a time. Each file appears whole; they depend
// on prompts, answers and options alone. Returns what it counted.
Summary write_outputs(const Options& options,
                      const PromptSet& set,
                      const AnswerSource& answers,
                      const std::filesystem::path& out);

}  // namespace retmask::synthesize
