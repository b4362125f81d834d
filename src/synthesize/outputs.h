#pragma once
// Last step of every strategy: writes the final files from the finished answers.

#include <filesystem>
#include <functional>
#include <memory>

#include "retmask/synthesize/summary.h"
#include "training_rows.h"

namespace retmask::synthesize {

// Returns the finished answer to a task.
using AnswerLookup = std::function<Answer(const AnswerTask& task)>;

// The row maker of the strategy. `options` must outlive it. Throws UserError for a bad judge
// prompt.
std::unique_ptr<RowMaker> make_row_maker(const ResolvedOptions& options);

// Writes the training rows, each policy's answers (chosen.jsonl.gz, rejected.jsonl.gz) and
// summary.json. All answers must be finished. Each file is written atomically, row by row: only one
// prompt's answers are in memory at a time. The files depend only on prompts, answers, options and
// verdicts.
Summary write_outputs(const ResolvedOptions& options,
                      RowMaker& row_maker,
                      const PromptSet& set,
                      const AnswerLookup& answers,
                      const std::filesystem::path& out);

}  // namespace retmask::synthesize
