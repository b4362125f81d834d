#pragma once
// The part of the prompts that a run takes.

#include <cstdint>
#include <string>

#include "retmask/synthesize/prompts.h"

namespace retmask::synthesize {

// In this order, after the filters: a random sample, then skip and limit of its prompts, then every
// num_shards-th of these.
struct Selection {
  // So many, drawn without replacement, in the order of the files; 0: all. Whether a prompt is
  // drawn depends on seed and id alone, and a larger sample holds the smaller one, so that a run
  // can grow.
  int64_t sample = 0;
  uint64_t seed = 0;
  int64_t skip = 0;
  int64_t limit = 0;  // 0: all
  int64_t shard = 0;  // zero-based
  int64_t num_shards = 1;

  // Throws UserError.
  void validate() const;
};

// Reads "0/4" (--shard) into selection. Throws UserError.
void parse_shard(const std::string& text, Selection& selection);

// Throws UserError when skip leaves nothing. A shard may be empty: more workers than prompts are no
// mistake.
void select_prompts(const Selection& selection, PromptSet& set);

}  // namespace retmask::synthesize
