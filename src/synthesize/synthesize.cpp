#include "retmask/synthesize/synthesize.h"

#include <chrono>
#include <cmath>

#include "outputs.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/base/progress.h"
#include "rounds.h"
#include "sft.h"
#include "sources.h"
#include "win_lose.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

PromptSet read_selected_prompts(const Options& options) {
  PromptSet set = read_prompts(options.prompts);
  const size_t all = set.prompts.size();
  set.prompts = select_prompts(std::move(set.prompts), options.selection);
  log::info(detail::concat(set.prompts.size(), " of ", all, " prompts selected"));
  if (set.blank > 0) log::warn(detail::concat("rows left out, their prompt is blank: ", set.blank));
  return set;
}

void answer_round(const Round& round,
                  const std::vector<AnswerTask>& tasks,
                  AnswerJournal& journal,
                  Progress& progress,
                  Result& result) {
  const std::unique_ptr<Answerer> answerer = round.open();
  const double seconds_before = result.generation_seconds;
  const auto start = Clock::now();
  answerer->answer(tasks, [&](const AnswerTask& task, const Answer& answer) {
    journal.add(task, answer);
    ++result.generated_answers;
    result.generated_tokens += answer.tokens;
    result.generation_seconds = seconds_before + seconds_since(start);
    progress.advance(1, std::to_string(std::lround(result.tokens_per_second())) + " tokens/s");
  });
}

Result answer_all(const Options& options,
                  const std::vector<Prompt>& prompts,
                  AnswerJournal& journal) {
  const std::vector<std::unique_ptr<Round>> rounds = open_rounds(options);
  std::vector<std::vector<AnswerTask>> tasks;
  int64_t unfinished = 0;
  for (const auto& round : rounds) {
    tasks.push_back(unfinished_tasks(*round, prompts, options.samples, journal));
    unfinished += static_cast<int64_t>(tasks.back().size());
  }

  const int64_t policies = has_rejected_policy(options.strategy) ? 2 : 1;
  const int64_t total = static_cast<int64_t>(prompts.size()) * options.samples * policies;
  Progress progress("synthesize", total, "answers", /*done=*/total - unfinished);
  Result result;
  for (size_t i = 0; i < rounds.size(); ++i) {
    if (!tasks[i].empty()) answer_round(*rounds[i], tasks[i], journal, progress, result);
  }
  return result;
}

// Every answer is in the journal. The judge is there for win-lose.
Summary write_results(const Options& options,
                      const std::optional<Judge>& judge,
                      const PromptSet& set,
                      const AnswerJournal& journal,
                      const fs::path& out) {
  if (options.strategy == Strategy::sft) return write_sft(options, set, journal, out);
  if (!judge) return write_outputs(options, set, journal, out);
  VerdictJournal verdicts(out / "verdicts.jsonl");
  judge_answers(options, *judge, set.prompts, journal, verdicts);
  return write_win_lose(options, set, journal, verdicts, out);
}

}  // namespace

void Options::validate() const {
  check_sources(*this);
  prompts.validate();
  selection.validate();
  if (samples < 1) user_error("--samples is ", samples, ", expected at least 1");
  decoding.validate();
}

double Result::tokens_per_second() const {
  return generation_seconds > 0 ? static_cast<double>(generated_tokens) / generation_seconds : 0.0;
}

Result run(const Options& unresolved, const fs::path& out) {
  unresolved.validate();
  Options options = unresolved;
  options.strategy = resolved_strategy(unresolved);
  const PromptSet set = read_selected_prompts(options);
  std::optional<Judge> judge;
  if (options.strategy == Strategy::win_lose) judge.emplace(options.judge, options.decoding.seed);
  AnswerJournal journal(out / "answers.jsonl");
  Result result = answer_all(options, set.prompts, journal);
  result.strategy = options.strategy;
  result.summary = write_results(options, judge, set, journal, out);
  if (const int64_t dropped = result.summary.dropped_pairs(DropReason::prompt_too_long);
      dropped > 0) {
    log::warn(detail::concat(
        dropped, " pairs dropped: prompt and --max-new-tokens are too long for the model"));
  }
  return result;
}

}  // namespace retmask::synthesize
