#include "retmask/synthesize/synthesize.h"

#include <chrono>
#include <cmath>

#include "answer_sources.h"
#include "prompt_selection.h"
#include "results.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/base/progress.h"
#include "sources.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void answer_from(const AnswerSource& source,
                 const std::vector<AnswerTask>& tasks,
                 AnswerJournal& journal,
                 Progress& progress,
                 const StopPoll& stop_asked,
                 Result& result) {
  const std::unique_ptr<Answerer> answerer = source.open(tasks);
  const double seconds_before = result.generation_seconds;
  const auto start = Clock::now();
  answerer->answer(tasks, [&](const AnswerTask& task, const Answer& answer) {
    journal.add(task, answer);
    ++result.generated_answers;
    result.generated_tokens += answer.tokens;
    result.generation_seconds = seconds_before + seconds_since(start);
    progress.advance(1, std::to_string(std::lround(result.tokens_per_second())) + " tokens/s");
    stop_if_asked(stop_asked, "finished answers are kept; run the same command to resume");
  });
  const std::optional<MemoryUse> memory = answerer->memory_use();
  if (memory && (!result.memory || result.memory->budget.total() < memory->budget.total())) {
    result.memory = memory;
  }
}

// Validates the options and resolves the strategy.
Options resolved(const Options& unresolved) {
  unresolved.validate();
  Options options = unresolved;
  options.strategy = resolved_strategy(unresolved);
  return options;
}

Result answer_all(const Options& options,
                  const std::vector<Prompt>& prompts,
                  AnswerJournal& journal,
                  const StopPoll& stop_asked) {
  const std::vector<std::unique_ptr<AnswerSource>> sources = open_answer_sources(options);
  std::vector<std::vector<AnswerTask>> tasks;
  int64_t unfinished = 0;
  for (const auto& source : sources) {
    tasks.push_back(unfinished_tasks(*source, prompts, options.samples, journal));
    unfinished += static_cast<int64_t>(tasks.back().size());
  }

  const int64_t policies = has_rejected_policy(options.strategy) ? 2 : 1;
  const int64_t total = static_cast<int64_t>(prompts.size()) * options.samples * policies;
  Progress progress("synthesize", total, "answers", /*done=*/total - unfinished);
  Result result;
  for (size_t i = 0; i < sources.size(); ++i) {
    if (tasks[i].empty()) continue;
    answer_from(*sources[i], tasks[i], journal, progress, stop_asked, result);
  }
  return result;
}

}  // namespace

void Options::validate() const {
  check_sources(*this);
  prompts.validate();
  selection.validate();
  if (samples < 1) user_error("--samples is ", samples, ", expected at least 1");
  decoding.validate();
  pairs.validate();
  if (thinking == Thinking::off &&
      template_variables.value("enable_thinking", Json(false)) != false) {
    user_error("--thinking off and --template-var enable_thinking=",
               template_variables["enable_thinking"],
               " contradict each other");
  }
}

Json Options::render_variables() const {
  Json variables = template_variables;
  if (thinking == Thinking::off) variables["enable_thinking"] = false;
  return variables;
}

double Result::tokens_per_second() const {
  return generation_seconds > 0 ? static_cast<double>(generated_tokens) / generation_seconds : 0.0;
}

void check_inputs(const Options& unresolved) {
  const Options options = resolved(unresolved);
  read_selected_prompts(options);
  open_judge(options);
  open_answer_sources(options);
}

Result run(const Options& unresolved, const fs::path& out, const StopPoll& stop_asked) {
  const Options options = resolved(unresolved);
  const PromptSet set = read_selected_prompts(options);
  const std::optional<Judge> judge = open_judge(options);
  AnswerJournal journal(out / "answers.jsonl");
  Result result = answer_all(options, set.prompts, journal, stop_asked);
  const auto finished = [&](const AnswerTask& task) {
    std::optional<Answer> answer = journal.find(task);
    RETMASK_CHECK(answer.has_value(), "no answer ", task.name());
    return std::move(*answer);
  };
  result.strategy = options.strategy;
  result.summary = write_results(options, judge, set, finished, out);
  if (const int64_t dropped = result.summary.dropped_pairs(DropReason::prompt_too_long);
      dropped > 0) {
    log::warn(detail::concat(
        dropped, " pairs dropped: prompt and --max-new-tokens are too long for the model"));
  }
  return result;
}

}  // namespace retmask::synthesize
