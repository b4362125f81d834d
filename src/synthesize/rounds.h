#pragma once
// A round is what one source answers: a checkpoint both policies or one of them, a server one.

#include <memory>
#include <vector>

#include "retmask/synthesize/answerer.h"
#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

class Round {
 public:
  virtual ~Round() = default;

  virtual std::vector<Policy> policies() const = 0;

  // For these tasks. Loads the weights where there are any, and says before what memory they and
  // the answers will take. This round outlives the answerer. Throws UserError.
  virtual std::unique_ptr<Answerer> open(const std::vector<AnswerTask>& tasks) const = 0;
};

// Opens all that is small (configs, tokenizers, templates, the mask), so that mistakes show before
// the first answer. Throws UserError.
std::vector<std::unique_ptr<Round>> open_rounds(const Options& options);

// The tasks of a round in the order of the prompts, but for those that the journal holds.
std::vector<AnswerTask> unfinished_tasks(const Round& round,
                                         const std::vector<Prompt>& prompts,
                                         int64_t samples,
                                         const AnswerJournal& journal);

}  // namespace retmask::synthesize
