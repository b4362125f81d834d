#pragma once
// Pairs of one policy's answers: the one with the best grade against the one with the worst.

#include <filesystem>
#include <optional>
#include <vector>

#include "outputs.h"
#include "retmask/synthesize/verdicts.h"

namespace retmask::synthesize {

// Answer and verdict of one sample; the verdict is null if the answer was not judged.
struct Candidate {
  int64_t sample = 0;
  const Answer* answer = nullptr;
  const Verdict* verdict = nullptr;
};

struct WinLose {
  std::optional<DropReason> dropped;  // empty: best and worst are a pair
  Candidate best;
  Candidate worst;
};

// Ranks the usable answers that have a grade; the lowest sample wins among equal grades. The pair
// is dropped if fewer than two answers are usable (with the reason of the first unusable one),
// fewer than two have a grade (unjudged), best and worst grade are equal (tie), or drop_reason()
// drops it.
WinLose best_and_worst(const Prompt& prompt,
                       const std::vector<Candidate>& candidates,
                       const PairOptions& options);

// Judges the answers missing from `verdicts`, for prompts with at least two usable answers.
void judge_answers(const Options& options,
                   const Judge& judge,
                   const std::vector<Prompt>& prompts,
                   const AnswerLookup& answers,
                   VerdictJournal& verdicts);

// Writes chosen.jsonl.gz with all answers, pairs.jsonl (with "score" and "sample" of each side in
// "meta") and summary.json (with "verdicts": {"judged", "unjudged", "mean_score"}).
Summary write_win_lose(const Options& options,
                       const PromptSet& set,
                       const AnswerLookup& answers,
                       const VerdictJournal& verdicts,
                       const std::filesystem::path& out);

}  // namespace retmask::synthesize
