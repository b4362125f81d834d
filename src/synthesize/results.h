#pragma once
// The last step of every strategy: from finished answers to the files that are handed on.

#include <filesystem>
#include <optional>

#include "outputs.h"
#include "retmask/synthesize/judge.h"

namespace retmask::synthesize {

// What win-lose asks, nothing for other strategies. Throws UserError for a bad prompt file.
std::optional<Judge> open_judge(const Options& options);

// Every answer is finished; answers that no verdict in out/verdicts.jsonl is about are judged.
Summary write_results(const Options& options,
                      const std::optional<Judge>& judge,
                      const PromptSet& set,
                      const AnswerLookup& answers,
                      const std::filesystem::path& out);

}  // namespace retmask::synthesize
