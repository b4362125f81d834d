#pragma once
// Last step of every strategy: writes the final files from the finished answers.

#include <filesystem>
#include <optional>

#include "outputs.h"
#include "retmask/synthesize/judge.h"

namespace retmask::synthesize {

// The judge for win-lose, empty for other strategies. Throws UserError for a bad judge prompt.
std::optional<Judge> open_judge(const Options& options);

// All answers must be finished. Answers without a verdict in out/verdicts.jsonl are judged first.
Summary write_results(const Options& options,
                      const std::optional<Judge>& judge,
                      const PromptSet& set,
                      const AnswerLookup& answers,
                      const std::filesystem::path& out);

}  // namespace retmask::synthesize
