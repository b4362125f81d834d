#include "retmask/synthesize/synthesize.h"

#include <chrono>
#include <cmath>

#include "outputs.h"
#include "prompt_selection.h"
#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/base/progress.h"
#include "retmask/model/device.h"
#include "rounds.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void answer_round(const Round& round,
                  const std::vector<AnswerTask>& tasks,
                  const Options& options,
                  AnswerJournal& journal,
                  Progress& progress,
                  Result& result) {
  CausalLm model = CausalLm::load(round.checkpoint,
                                  parse_device(options.device),
                                  parse_dtype(options.dtype, round.config.dtype));
  model.pack();
  ModelAnswerer answerer(
      model, round.encoder, round.masked_heads, round.checkpoint.eos_token_ids(), options.decoding);

  const double seconds_before = result.generation_seconds;
  const auto start = Clock::now();
  answerer.answer(tasks, [&](const AnswerTask& task, const Answer& answer) {
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
  const std::vector<Round> rounds = open_rounds(options);
  std::vector<std::vector<AnswerTask>> tasks;
  int64_t unfinished = 0;
  for (const Round& round : rounds) {
    tasks.push_back(unfinished_tasks(round, prompts, options.samples, journal));
    unfinished += static_cast<int64_t>(tasks.back().size());
  }

  constexpr int64_t kPolicies = 2;
  const int64_t total = static_cast<int64_t>(prompts.size()) * options.samples * kPolicies;
  Progress progress("synthesize", total, "answers", /*done=*/total - unfinished);
  Result result;
  for (size_t i = 0; i < rounds.size(); ++i) {
    if (!tasks[i].empty()) answer_round(rounds[i], tasks[i], options, journal, progress, result);
  }
  return result;
}

}  // namespace

void Options::validate() const {
  if (model.empty()) user_error("--model is missing; expected a checkpoint folder");
  if (mask.empty() == rejected_model.empty()) {
    user_error(
        "expected exactly one of --mask (heads that are off in the rejected answers) and "
        "--rejected-model");
  }
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

Result run(const Options& options, const fs::path& out) {
  options.validate();
  const PromptSet set = read_selected_prompts(options);
  AnswerJournal journal(out / "answers.jsonl");
  Result result = answer_all(options, set.prompts, journal);
  const auto finished = [&](const AnswerTask& task) {
    std::optional<Answer> answer = journal.find(task);
    RETMASK_CHECK(answer.has_value(), "no answer ", task.name());
    return std::move(*answer);
  };
  result.summary = write_outputs(options, set, finished, out);
  if (const int64_t dropped = result.summary.dropped_pairs(DropReason::prompt_too_long);
      dropped > 0) {
    log::warn(detail::concat(
        dropped, " pairs dropped: prompt and --max-new-tokens are too long for the model"));
  }
  return result;
}

}  // namespace retmask::synthesize
