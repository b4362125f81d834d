#pragma once
// Flags of the needle-in-a-haystack grid, shared by detect and eval.

#include "common.h"
#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/config.h"
#include "retmask/niah/sample.h"

namespace retmask::cli {

struct NiahFlags {
  niah::GridOptions grid;
  std::string placement = to_string(niah::GridOptions{}.placement);
  std::string depth_rule = to_string(niah::GridOptions{}.depth_rule);
  std::string chat = to_string(niah::GridOptions{}.chat);

  // The grid with the text flags parsed; `seed` is --seed. Throws UserError.
  niah::GridOptions resolve(uint64_t seed) const;
};

// Rules for a command with these flags, --model and --dtype.
RunRules niah_rules();

void add_niah_flags(Command& command, NiahFlags& flags);

// Records whether the prompts of a run are written in the chat template.
void settle_chat(bool uses_template, RunRecord& run);

// The template for prompts; null: plain prompts. Settles which in the run. Throws UserError.
std::unique_ptr<const ChatTemplate> load_prompt_template(ChatUse use,
                                                         const std::filesystem::path& model,
                                                         RunRecord& run);

// Reads needles and haystacks (recorded as input of the run) and builds the samples. Throws
// UserError.
std::vector<niah::Sample> load_samples(const niah::GridOptions& grid,
                                       const niah::PromptTools& tools,
                                       RunRecord& run);

}  // namespace retmask::cli
