#pragma once
// Truncation of long rows as in the published implementation, which does it silently.

#include <cstdint>

#include "retmask/train/examples.h"

namespace retmask::train {

// Its DPOConfig leaves TRL's defaults: max_prompt_length, max_length and truncation_mode
// "keep_end".
struct ReferenceTruncation {
  int64_t max_prompt = 512;
  int64_t max_length = 1024;
};

// Keeps the last `max_prompt` tokens of the prompt, then the last `max_length` tokens of prompt +
// answer, separately for each answer: a long answer first loses its prompt, then its own start. The
// first token of an answer without a prompt is not scored, because nothing precedes it. Returns
// whether anything was cut. Source: trl 0.24.0 (the version pinned by the published code),
// trl/trainer/dpo_trainer.py, DPOTrainer.tokenize_row and concatenated_forward.
bool truncate_as_reference(TrainingExample& example, const ReferenceTruncation& limits = {});

}  // namespace retmask::train
