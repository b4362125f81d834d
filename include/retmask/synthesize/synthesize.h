#pragma once
// Preference pairs of two answers per instruction: y_w from theta, y_l from theta' (the same
// weights with masked heads) or from another model. Alternatively pairs chosen by a judge, or
// answers for supervised fine-tuning. Either side may run on this machine or on a server.
//
// Files in the output folder:
//
//   answers.jsonl      journal, one answer per row; a stopped run resumes from it
//   chosen.jsonl.gz    theta's answers in prompt order (reference_row() in training_rows.h)
//   rejected.jsonl.gz  the same for theta' (strategies with two policies)
//   pairs.jsonl        kept pairs (pair_row())
//   sft.jsonl          instead of pairs.jsonl (sft)
//   verdicts.jsonl     the judge's journal (win-lose)
//   summary.json       Summary

#include <cstdint>
#include <filesystem>
#include <optional>

#include "retmask/base/stop_signals.h"
#include "retmask/synthesize/answers.h"
#include "retmask/synthesize/options.h"
#include "retmask/synthesize/summary.h"

namespace retmask::synthesize {

struct Result {
  Strategy strategy = Strategy::automatic;  // the resolved one
  Summary summary;
  // This call only; zero if an earlier call had finished all answers.
  int64_t generated_answers = 0;
  int64_t generated_tokens = 0;
  double generation_seconds = 0.0;
  // Of the source with the largest planned memory; empty if no local model ran.
  std::optional<MemoryUse> memory;

  double tokens_per_second() const;
};

// Runs the checks that run() makes before it loads weights. Throws UserError.
void check_inputs(const ResolvedOptions& options);

// Throws UserError for bad input before it loads weights, and if the disk is full;
// endpoint::EndpointFailure if a server does not answer; Stopped after the next answer once
// `stop_asked` returns a signal. Finished answers are kept.
Result run(const ResolvedOptions& options,
           const std::filesystem::path& out,
           const StopPoll& stop_asked = nullptr);

// Merges the parts of OUT into the final files, which equal those of a single-worker run. `options`
// are the workers' options without a shard. Throws UserError if an answer is missing or is in two
// parts.
Result merge(const ResolvedOptions& options, const std::filesystem::path& out);

}  // namespace retmask::synthesize
