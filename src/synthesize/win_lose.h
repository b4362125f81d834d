#pragma once
// Pairs out of several answers of one policy: the best by the judge's grades against the worst.

#include <filesystem>
#include <optional>
#include <vector>

#include "outputs.h"
#include "retmask/synthesize/verdicts.h"

namespace retmask::synthesize {

// The answer of one sample and its verdict; the verdict is null when it was not worth one.
struct Candidate {
  int64_t sample = 0;
  const Answer* answer = nullptr;
  const Verdict* verdict = nullptr;
};

struct WinLose {
  std::optional<DropReason> dropped;  // nothing: the two below are a pair
  Candidate best;
  Candidate worst;
};

// Ranks the answers that can be used and have a grade; among equal ones the lower sample stands
// for all. Dropped: fewer than two that can be used (with the reason of the first that cannot),
// fewer than two grades (unjudged), equal grades (tie), or what drop_reason() finds in the two.
WinLose best_and_worst(const Prompt& prompt,
                       const std::vector<Candidate>& candidates,
                       const PairOptions& options);

// Has the answers judged that are not in `verdicts` yet, of prompts with at least two to compare.
void judge_answers(const Options& options,
                   const Judge& judge,
                   const std::vector<Prompt>& prompts,
                   const AnswerLookup& answers,
                   VerdictJournal& verdicts);

// chosen.jsonl.gz with all answers, pairs.jsonl (with "score" and "sample" of each side in "meta")
// and summary.json (with "verdicts": {"judged", "unjudged", "mean_score"}).
Summary write_win_lose(const Options& options,
                       const PromptSet& set,
                       const AnswerLookup& answers,
                       const VerdictJournal& verdicts,
                       const std::filesystem::path& out);

}  // namespace retmask::synthesize
