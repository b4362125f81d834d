#pragma once
// How the published implementation cuts long rows without a word.

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
// answer, for each answer by itself: a long answer loses its prompt first and then its own start.
// An answer without a prompt begins with a token that is not scored, because nothing precedes it.
// Returns whether something was cut. Source: trl 0.24.0 (the version that the published code pins),
// trl/trainer/dpo_trainer.py, DPOTrainer.tokenize_row and concatenated_forward.
bool truncate_as_reference(TrainingExample& example, const ReferenceTruncation& limits = {});

}  // namespace retmask::train
