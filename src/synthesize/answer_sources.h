#pragma once
// Who answers: a checkpoint, for one policy or both, or a server, for one.

#include <memory>
#include <vector>

#include "retmask/synthesize/answerer.h"
#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

class AnswerSource {
 public:
  virtual ~AnswerSource() = default;

  virtual std::vector<Policy> policies() const = 0;

  // For these tasks. Loads the weights where there are any, and says before what memory they and
  // the answers will take. This source outlives the answerer. Throws UserError.
  virtual std::unique_ptr<Answerer> open(const std::vector<AnswerTask>& tasks) const = 0;
};

// Opens all that is small (configs, tokenizers, templates, the mask), so that mistakes show before
// the first answer. Throws UserError.
std::vector<std::unique_ptr<AnswerSource>> open_answer_sources(const Options& options);

// The tasks of a source in the order of the prompts, but for those that the journal holds.
std::vector<AnswerTask> unfinished_tasks(const AnswerSource& source,
                                         const std::vector<Prompt>& prompts,
                                         int64_t samples,
                                         const AnswerJournal& journal);

}  // namespace retmask::synthesize
