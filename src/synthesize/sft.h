#pragma once
// Output of strategy sft: answers for supervised fine-tuning.

#include <filesystem>

#include "outputs.h"

namespace retmask::synthesize {

// {"messages": [..., {"role": "assistant", "content"}], "id",
//  "meta": {"sample", "tokens", "finish_reason", "mean_logprob"}}, the form read by TRL's
//  SFTTrainer and train-dpo --loss sft.
Json sft_row(const Prompt& prompt, int64_t sample, const Answer& answer);

// Writes chosen.jsonl.gz, sft.jsonl and summary.json, with "rows" in place of "pairs".
Summary write_sft(const Options& options,
                  const PromptSet& set,
                  const AnswerLookup& answers,
                  const std::filesystem::path& out);

}  // namespace retmask::synthesize
