#pragma once
// Suite "ruler": the thirteen tasks of RULER (Hsieh et al. 2024; github.com/NVIDIA/RULER) by a
// generator of our own. Templates, task settings, kinds of haystack and metrics are theirs; words,
// essays and random draws are ours.

#include <cstdint>
#include <string>
#include <vector>

#include "retmask/eval/passages.h"
#include "retmask/eval/prompt_encoder.h"
#include "retmask/eval/sample.h"

namespace retmask::eval {

struct RulerOptions {
  std::vector<std::string> tasks = {};    // empty: all, except those that need data there is not
  std::vector<int64_t> lengths = {4096};  // most tokens of a prompt
  int64_t max_samples = 100;              // per task and length
  uint64_t seed = 0;

  // Throws UserError, also for a task that needs data if there is none.
  void validate(bool has_data) const;
  std::vector<std::string> resolved_tasks(bool has_data) const;
};

struct RulerData {
  std::string essays;                           // haystack of the tasks that hide needles in essays
  std::vector<PassageQuestion> questions = {};  // of qa_1 and qa_2
};

// Samples by task, length and number. A prompt has at most `length` tokens, as close as its units
// of filler text allow; if prompt and answer would exceed `max_positions`, which `length` itself
// does not, the prompt is shortened to leave room for the answer. Keys, values and references do
// not depend on the tokenizer. Throws UserError for a length that is too small for a task.
std::vector<Sample> build_ruler_samples(const RulerOptions& options,
                                        const RulerData& data,
                                        const PromptEncoder& encoder,
                                        int64_t max_positions);

}  // namespace retmask::eval
