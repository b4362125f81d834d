#include "win_lose.h"

#include <algorithm>
#include <cmath>

#include "retmask/base/progress.h"

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

void WinLoseRows::prepare(const std::vector<Prompt>& prompts,
                          const AnswersTo& answers,
                          const fs::path& out) {
  VerdictJournal& verdicts = verdicts_.emplace(out / "verdicts.jsonl");
  std::vector<AnswerToJudge> open;
  int64_t total = 0;
  for (const Prompt& prompt : prompts) {
    const std::vector<Answer> samples = answers(prompt).at(Policy::chosen);
    const auto candidates =
        usable(prompt, candidates_of(prompt, samples, verdicts), options_.pairs);
    if (candidates.size() < 2) continue;
    total += static_cast<int64_t>(candidates.size());
    for (const Candidate& candidate : candidates) {
      if (candidate.verdict != nullptr) continue;
      open.push_back(
          {.task = {&prompt, Policy::chosen, candidate.sample}, .text = candidate.answer->text});
    }
  }
  Progress progress("judge", total, "answers", /*done=*/total - static_cast<int64_t>(open.size()));
  judge_.judge(open, [&](const AnswerTask& task, const Verdict& verdict) {
    verdicts.add(task, verdict);
    progress.advance();
  });
}

std::vector<TrainingRow> WinLoseRows::make(const Prompt& prompt, const PolicyAnswers& answers) {
  const auto candidates = candidates_of(prompt, answers.at(Policy::chosen), verdicts_.value());
  count(candidates);
  const WinLose pair = best_and_worst(prompt, candidates, options_.pairs);
  return {{.dropped = pair.dropped, .json = pair.dropped ? Json() : win_lose_row(prompt, pair)}};
}

void WinLoseRows::count(const std::vector<Candidate>& candidates) {
  for (const Candidate& candidate : candidates) {
    if (candidate.verdict == nullptr) continue;
    if (candidate.verdict->score) {
      ++totals_.judged;
      totals_.sum += *candidate.verdict->score;
    } else {
      ++totals_.unjudged;
    }
  }
}

void WinLoseRows::complete(Json& summary) const {
  const double mean = totals_.judged > 0 ? totals_.sum / static_cast<double>(totals_.judged) : 0.0;
  summary["verdicts"] = {{"judged", totals_.judged},
                         {"unjudged", totals_.unjudged},
                         {"mean_score", std::round(mean * 1000) / 1000}};
}

}  // namespace retmask::synthesize
