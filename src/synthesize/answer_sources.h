#pragma once
// Sources of answers: a checkpoint serves one or both policies, a server serves one.

#include <memory>
#include <vector>

#include "retmask/synthesize/answerer.h"
#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

class AnswerSource {
 public:
  virtual ~AnswerSource() = default;

  virtual std::vector<Policy> policies() const = 0;

  // Returns an answerer for these tasks. A checkpoint logs its memory plan and loads its weights.
  // This source must outlive the answerer. Throws UserError.
  virtual std::unique_ptr<Answerer> open(const std::vector<AnswerTask>& tasks) const = 0;
};

// Opens configs, tokenizers, templates and the mask, so that errors show before the first answer.
// Weights are not loaded. Throws UserError.
std::vector<std::unique_ptr<AnswerSource>> open_answer_sources(const Options& options);

// Tasks of a source that are not in the journal, in prompt order.
std::vector<AnswerTask> unfinished_tasks(const AnswerSource& source,
                                         const std::vector<Prompt>& prompts,
                                         int64_t samples,
                                         const AnswerJournal& journal);

}  // namespace retmask::synthesize
