#pragma once
// A round is what one loaded checkpoint answers: both policies with a mask, or one of them with
// --rejected-model.

#include <memory>
#include <vector>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/config.h"
#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

struct Round {
  Checkpoint checkpoint;
  ModelConfig config;
  PromptEncoder encoder;
  PolicyHeads masked_heads;
};

// Opens all that is small (configs, tokenizers, templates, the mask), so that mistakes show before
// the first answer. Throws UserError.
std::vector<Round> open_rounds(const Options& options);

// The tasks of a round in the order of the prompts, but for those that the journal holds.
std::vector<AnswerTask> unfinished_tasks(const Round& round,
                                         const std::vector<Prompt>& prompts,
                                         int64_t samples,
                                         const AnswerJournal& journal);

}  // namespace retmask::synthesize
