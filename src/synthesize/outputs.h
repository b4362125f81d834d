#pragma once
// Final files of strategies with two policies, and helpers shared by all strategies. Rows are
// written one by one: only one prompt's answers are in memory at a time.

#include <filesystem>
#include <functional>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

// Returns the finished answer to a task.
using AnswerLookup = std::function<Answer(const AnswerTask& task)>;

// One policy's answers as written to the final files: with the runaway flag set and, on request,
// the thinking stripped. The constructor's arguments must outlive this object.
class FinalAnswers {
 public:
  FinalAnswers(Policy policy, const Options& options, const AnswerLookup& answers);

  // The answers to one prompt, by sample.
  std::vector<Answer> to(const Prompt& prompt) const;

 private:
  Policy policy_;
  const Options& options_;
  const AnswerLookup& answers_;
  bool opened_by_prompt_ = false;
};

// Opens out / name for writing and removes leftovers of a killed run.
JsonLinesWriter open_output(const std::filesystem::path& out, const char* name);

// Each file is written atomically. The files depend only on prompts, answers and options.
Summary write_outputs(const Options& options,
                      const PromptSet& set,
                      const AnswerLookup& answers,
                      const std::filesystem::path& out);

}  // namespace retmask::synthesize
