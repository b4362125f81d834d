// Suites mmlu-pro, gpqa and math500 of eval.

#include "eval_suites.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/eval/question_suite.h"

namespace retmask::cli {
namespace {

eval::QuestionOptions question_options(const EvalCommandOptions& options) {
  return {.suite = options.suite, .profile = options.profile, .max_samples = options.max_samples};
}

}  // namespace

void validate_questions(const EvalCommandOptions& options) {
  question_options(options).validate();
  parse_chat_use(options.grid.chat);
  if (options.data.empty()) {
    user_error("--data is required: the file with the questions of ", options.suite);
  }
}

void run_questions(const Evaluation& evaluation) {
  const eval::QuestionOptions options = question_options(evaluation.options);
  const std::filesystem::path& data = evaluation.options.data;
  evaluation.run.add_input("data", sha256_file(data));
  run_samples(
      evaluation,
      options.suite.c_str(),
      [&](const eval::PromptEncoder& encoder) {
        return eval::build_question_samples(options, data, encoder);
      },
      [&](const std::vector<Json>& rows) { return eval::question_results_json(options, rows); });
}

void rescore_questions(const Rescoring& rescoring) {
  const eval::QuestionOptions options = question_options(rescoring.options);
  options.validate();
  check_same_suite(rescoring);
  const std::vector<Json> rows = eval::judge_given_answers(options, rescoring.answers);
  write_json_lines(rescoring.file("predictions.jsonl"), rows);
  write_results(rescoring.out, rows, eval::question_results_json(options, rows));
}

}  // namespace retmask::cli
