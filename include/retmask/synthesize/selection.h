#pragma once
// Selection of the prompts to answer.

#include <cstdint>
#include <string>

#include "retmask/synthesize/prompts.h"

namespace retmask::synthesize {

// Applied after the filters, in this order: random sample, skip, limit, then every num_shards-th
// prompt.
struct Selection {
  // Number of prompts drawn without replacement, kept in file order; 0: all. The draw depends only
  // on seed and ids, and a larger sample contains the smaller one, so a run can be extended.
  int64_t sample = 0;
  uint64_t seed = 0;
  int64_t skip = 0;
  int64_t limit = 0;  // 0: all
  int64_t shard = 0;  // zero-based
  int64_t num_shards = 1;

  // Throws UserError.
  void validate() const;
};

// Parses "0/4" (--shard) into `selection`. Throws UserError.
void parse_shard(const std::string& text, Selection& selection);

// Throws UserError if skip leaves no prompt. A shard may be empty: there may be more workers than
// prompts.
void select_prompts(const Selection& selection, PromptSet& set);

}  // namespace retmask::synthesize
