#pragma once
// Answers to imitate, without a loser.

#include <filesystem>

#include "outputs.h"

namespace retmask::synthesize {

// {"messages": [..., {"role": "assistant", "content"}], "id",
//  "meta": {"sample", "tokens", "finish_reason", "mean_logprob"}}, as TRL's SFTTrainer and
// train-dpo --loss sft read it.
Json sft_row(const Prompt& prompt, int64_t sample, const Answer& answer);

// chosen.jsonl.gz, sft.jsonl and summary.json, in which "rows" stands for "pairs".
Summary write_sft(const Options& options,
                  const PromptSet& set,
                  const AnswerLookup& answers,
                  const std::filesystem::path& out);

}  // namespace retmask::synthesize
