#pragma once
// The flags of the needle-in-a-haystack grid, which detect and eval share.

#include "common.h"
#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/config.h"
#include "retmask/niah/sample.h"

namespace retmask::cli {

struct NiahFlags {
  niah::GridOptions grid;
  std::string placement = to_string(niah::GridOptions{}.placement);

  // The grid with the text flags put in. Throws UserError.
  niah::GridOptions resolve() const;
};

// Of a command that has them, with its model and type.
RunRules niah_rules();

void add_niah_flags(Command& command, NiahFlags& flags);

// Reads needles and haystacks (an input of the run), and makes the samples with the checkpoint's
// tokenizer and template. Throws UserError.
std::vector<niah::Sample> load_samples(const niah::GridOptions& grid,
                                       const Checkpoint& checkpoint,
                                       const ModelConfig& config,
                                       const Tokenizer& tokenizer,
                                       RunRecord& run);

}  // namespace retmask::cli
