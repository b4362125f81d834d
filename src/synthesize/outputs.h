#pragma once
// The final files, out of the finished journal.

#include <filesystem>
#include <vector>

#include "retmask/synthesize/synthesize.h"

namespace retmask::synthesize {

// The answers to one prompt by sample. All must be in `journal`.
std::vector<const Answer*> answers_to(const Prompt& prompt,
                                      Policy policy,
                                      int64_t samples,
                                      const AnswerJournal& journal);

// One policy's answers as reference_row() lays them out.
void write_answers(const std::filesystem::path& path,
                   Policy policy,
                   const Options& options,
                   const PromptSet& set,
                   const AnswerJournal& journal);

// For strategies with two policies. Every answer of `prompts` must be in `journal`. Each file
// appears whole; they depend on prompts, answers and options alone. Returns what it counted.
Summary write_outputs(const Options& options,
                      const PromptSet& set,
                      const AnswerJournal& journal,
                      const std::filesystem::path& out);

}  // namespace retmask::synthesize
