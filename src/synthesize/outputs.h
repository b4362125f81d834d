#pragma once
// The final files of strategies with two policies, and what all strategies need for theirs. Rows
// are written one by one: one prompt's answers are in memory at a time.

#include <filesystem>
#include <functional>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

// The finished answer to a task.
using AnswerLookup = std::function<Answer(const AnswerTask& task)>;

// The answers of one policy as they are handed on: marked when they ran away, without thinking
// where it is stripped. What it is made from must outlive it.
class FinalAnswers {
 public:
  FinalAnswers(Policy policy, const Options& options, const AnswerLookup& answers);

  // To one prompt, by sample.
  std::vector<Answer> to(const Prompt& prompt) const;

 private:
  Policy policy_;
  const Options& options_;
  const AnswerLookup& answers_;
  bool opened_by_prompt_ = false;
};

// A writer of out / name, cleared of what a run that was killed while it wrote may have left.
JsonLinesWriter open_output(const std::filesystem::path& out, const char* name);

// Each file appears whole; they depend on prompts, answers and options alone. Returns what it
// counted.
Summary write_outputs(const Options& options,
                      const PromptSet& set,
                      const AnswerLookup& answers,
                      const std::filesystem::path& out);

}  // namespace retmask::synthesize
