#include "win_lose.h"

#include <algorithm>
#include <cmath>

#include "retmask/base/progress.h"
#include "sources.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

// All samples of one prompt. `answers` must outlive the result.
std::vector<Candidate> candidates_of(const Prompt& prompt,
                                     const std::vector<Answer>& answers,
                                     const VerdictJournal& verdicts) {
  std::vector<Candidate> candidates;
  for (const Answer& answer : answers) {
    const auto sample = static_cast<int64_t>(candidates.size());
    const AnswerTask task{.prompt = &prompt, .policy = Policy::chosen, .sample = sample};
    candidates.push_back({.sample = sample, .answer = &answer, .verdict = verdicts.find(task)});
  }
  return candidates;
}

std::vector<Candidate> usable(const Prompt& prompt,
                              const std::vector<Candidate>& candidates,
                              const PairOptions& options) {
  std::vector<Candidate> some;
  std::ranges::copy_if(candidates, std::back_inserter(some), [&](const Candidate& candidate) {
    return !drop_reason(prompt, *candidate.answer, options);
  });
  return some;
}

std::optional<DropReason> first_reason(const Prompt& prompt,
                                       const std::vector<Candidate>& candidates,
                                       const PairOptions& options) {
  for (const Candidate& candidate : candidates) {
    if (const auto reason = drop_reason(prompt, *candidate.answer, options)) return reason;
  }
  return std::nullopt;
}

bool lower_score(const Candidate& a, const Candidate& b) {
  return *a.verdict->score < *b.verdict->score;
}

Json win_lose_row(const Prompt& prompt, const WinLose& pair) {
  Json row = pair_row(prompt, pair.best.sample, *pair.best.answer, *pair.worst.answer);
  Json& meta = row["meta"];
  for (const auto& [side, candidate] :
       {std::pair{"chosen", &pair.best}, std::pair{"rejected", &pair.worst}}) {
    meta[side]["sample"] = candidate->sample;
    meta[side]["score"] = *candidate->verdict->score;
  }
  return row;
}

// Totals over the verdicts of this run's answers.
class VerdictTotals {
 public:
  void add(const std::vector<Candidate>& candidates) {
    for (const Candidate& candidate : candidates) {
      if (candidate.verdict == nullptr) continue;
      if (candidate.verdict->score) {
        ++judged_;
        sum_ += *candidate.verdict->score;
      } else {
        ++unjudged_;
      }
    }
  }
  Json to_json() const {
    const double mean = judged_ > 0 ? sum_ / static_cast<double>(judged_) : 0.0;
    return {{"judged", judged_},
            {"unjudged", unjudged_},
            {"mean_score", std::round(mean * 1000) / 1000}};
  }

 private:
  int64_t judged_ = 0;
  int64_t unjudged_ = 0;
  double sum_ = 0.0;
};

}  // namespace

WinLose best_and_worst(const Prompt& prompt,
                       const std::vector<Candidate>& candidates,
                       const PairOptions& options) {
  std::vector<Candidate> ranked = usable(prompt, candidates, options);
  if (ranked.size() < 2) {
    return {.dropped = first_reason(prompt, candidates, options), .best = {}, .worst = {}};
  }
  std::erase_if(ranked, [](const Candidate& candidate) {
    return candidate.verdict == nullptr || !candidate.verdict->score;
  });
  if (ranked.size() < 2) return {.dropped = DropReason::unjudged, .best = {}, .worst = {}};
  WinLose pair;
  pair.best = *std::ranges::max_element(ranked, lower_score);
  pair.worst = *std::ranges::min_element(ranked, lower_score);
  pair.dropped = *pair.best.verdict->score == *pair.worst.verdict->score
                     ? DropReason::tie
                     : drop_reason(prompt, *pair.best.answer, *pair.worst.answer, options);
  return pair;
}

void judge_answers(const Options& options,
                   const Judge& judge,
                   const std::vector<Prompt>& prompts,
                   const AnswerLookup& answers,
                   VerdictJournal& verdicts) {
  const FinalAnswers final_answers(Policy::chosen, options, answers);
  std::vector<AnswerToJudge> open;
  int64_t total = 0;
  for (const Prompt& prompt : prompts) {
    const std::vector<Answer> samples = final_answers.to(prompt);
    const auto candidates = usable(prompt, candidates_of(prompt, samples, verdicts), options.pairs);
    if (candidates.size() < 2) continue;
    total += static_cast<int64_t>(candidates.size());
    for (const Candidate& candidate : candidates) {
      if (candidate.verdict != nullptr) continue;
      open.push_back(
          {.task = {&prompt, Policy::chosen, candidate.sample}, .text = candidate.answer->text});
    }
  }
  Progress progress("judge", total, "answers", /*done=*/total - static_cast<int64_t>(open.size()));
  judge.judge(open, [&](const AnswerTask& task, const Verdict& verdict) {
    verdicts.add(task, verdict);
    progress.advance();
  });
}

Summary write_win_lose(const Options& options,
                       const PromptSet& set,
                       const AnswerLookup& answers,
                       const VerdictJournal& verdicts,
                       const fs::path& out) {
  JsonLinesWriter chosen_file = open_output(out, "chosen.jsonl.gz");
  JsonLinesWriter pairs_file = open_output(out, "pairs.jsonl");
  const FinalAnswers final_answers(Policy::chosen, options, answers);
  Summary summary;
  summary.set_prompts(set);
  VerdictTotals totals;
  for (const Prompt& prompt : set.prompts) {
    const std::vector<Answer> samples = final_answers.to(prompt);
    chosen_file.append(reference_row(prompt, samples, source_name(options, Policy::chosen)));
    const auto candidates = candidates_of(prompt, samples, verdicts);
    for (const Answer& answer : samples) summary.add_answer(Policy::chosen, answer);
    totals.add(candidates);
    const WinLose pair = best_and_worst(prompt, candidates, options.pairs);
    summary.add_pair(pair.dropped);
    if (!pair.dropped) pairs_file.append(win_lose_row(prompt, pair));
  }
  chosen_file.commit();
  pairs_file.commit();
  Json json = summary.to_json();
  json.erase("rejected");  // win-lose has no rejected policy
  json["verdicts"] = totals.to_json();
  write_json_file(out / "summary.json", json);
  return summary;
}

}  // namespace retmask::synthesize
