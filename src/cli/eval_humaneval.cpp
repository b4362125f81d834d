// Suite humaneval of eval.

#include "eval_suites.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/eval/humaneval_suite.h"

namespace retmask::cli {
namespace {

eval::HumanEvalOptions humaneval_options(const EvalCommandOptions& options) {
  return {.profile = options.profile,
          .max_samples = options.max_samples,
          .allow_code_execution = options.allow_code_execution,
          .workers = options.threads};
}

std::vector<eval::CodeProblem> problems_of(const EvalCommandOptions& options) {
  if (options.data.empty()) {
    user_error("--data is required: HumanEval.jsonl.gz of github.com/openai/human-eval");
  }
  return eval::read_code_problems(options.data);
}

// Writes the judged rows to predictions.jsonl; returns results.json.
Json judge(const EvalCommandOptions& options,
           const std::vector<eval::CodeProblem>& problems,
           const std::vector<Json>& rows,
           const std::filesystem::path& predictions) {
  const eval::HumanEvalOptions humaneval = humaneval_options(options);
  const eval::CodeVerdicts verdicts = eval::judge_code(humaneval, problems, rows);
  if (!verdicts.is_isolated) {
    log::warn("the kernel does not isolate the programs completely; they had: " +
              verdicts.isolation);
  }
  write_json_lines(predictions, verdicts.rows);
  return eval::code_results_json(humaneval, verdicts);
}

}  // namespace

void validate_humaneval(const EvalCommandOptions& options) {
  humaneval_options(options).validate();
  parse_chat_use(options.grid.chat);
}

void run_humaneval(const Evaluation& evaluation) {
  const EvalCommandOptions& options = evaluation.options;
  const std::vector<eval::CodeProblem> problems = problems_of(options);
  evaluation.run.add_input("data", sha256_file(options.data));
  run_samples(
      evaluation,
      "humaneval",
      [&](const eval::PromptEncoder& encoder) {
        return eval::build_code_samples(humaneval_options(options), problems, encoder);
      },
      [&](const std::vector<Json>& rows) {
        return judge(options, problems, rows, evaluation.file("predictions.jsonl"));
      });
}

void rescore_humaneval(const Rescoring& rescoring) {
  const EvalCommandOptions& options = rescoring.options;
  humaneval_options(options).validate();
  check_same_suite(rescoring);
  const std::vector<eval::CodeProblem> problems = problems_of(options);
  const std::vector<Json> rows = eval::read_completions(rescoring.answers);
  write_results(
      rescoring.out, rows, judge(options, problems, rows, rescoring.file("predictions.jsonl")));
}

}  // namespace retmask::cli
