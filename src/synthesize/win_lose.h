#pragma once
// Pairs of one policy's answers: the one with the best grade against the one with the worst.

#include <filesystem>
#include <optional>
#include <vector>

#include "judge.h"
#include "training_rows.h"

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

// Has the answers judged, and makes one pair per prompt, with "score" and "sample" of each side in
// "meta". Writes verdicts.jsonl; summary.json gets "verdicts": {"judged", "unjudged",
// "mean_score"}.
class WinLoseRows : public RowMaker {
 public:
  // `options` must outlive this object. Throws UserError for a bad judge prompt.
  explicit WinLoseRows(const Options& options)
      : options_(options), judge_(options.judge, options.decoding.seed) {}

  // Judges the answers missing from verdicts.jsonl, for prompts with at least two usable answers.
  void prepare(const std::vector<Prompt>& prompts,
               const AnswersTo& answers,
               const std::filesystem::path& out) override;
  std::vector<TrainingRow> make(const Prompt& prompt, const PolicyAnswers& answers) override;
  void complete(Json& summary) const override;

 private:
  // Totals over the verdicts of this run's answers.
  struct Totals {
    int64_t judged = 0;
    int64_t unjudged = 0;
    double sum = 0.0;
  };

  void count(const std::vector<Candidate>& candidates);

  const Options& options_;
  Judge judge_;
  std::optional<VerdictJournal> verdicts_;  // from prepare()
  Totals totals_;
};

}  // namespace retmask::synthesize
