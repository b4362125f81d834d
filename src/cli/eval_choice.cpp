// Suite choice of eval.

#include <iostream>
#include <stdexcept>

#include "eval_suites.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/eval/choice_suite.h"
#include "retmask/report/text.h"

namespace retmask::cli {
namespace {

eval::ChoiceOptions choice_options(const EvalCommandOptions& options) {
  return {.batch_tokens = options.batch_tokens, .max_samples = options.given_max_samples()};
}

void print_choice_results(const Json& results) {
  std::cout << results["questions"] << " questions";
  for (const char* metric :
       {"acc", "acc_per_char", "acc_per_byte", "acc_per_token", "bits_per_byte"}) {
    if (results[metric].is_null()) continue;
    std::cout << ", " << metric << " " << format_number(results[metric].get<double>(), 4);
  }
  std::cout << std::endl;
}

}  // namespace

void validate_choice(const EvalCommandOptions& options) {
  if (options.data.empty()) {
    user_error("--suite choice needs --data: a file of requests with context and continuation");
  }
  choice_options(options).validate();
}

void run_choice(const Evaluation& evaluation) {
  const std::filesystem::path& data = evaluation.options.data;
  const Tokenizer& tokenizer = *evaluation.tokenizer;
  std::vector<eval::ChoiceQuestion> all =
      eval::read_choice_file(data, tokenizer, prefix_token(tokenizer, evaluation.options.model));
  evaluation.run.add_input("data", sha256_file(data));
  const eval::ChoiceOptions choice = choice_options(evaluation.options);
  const std::vector<eval::ChoiceQuestion> questions = evaluation.divided.own(
      eval::first_questions(std::move(all), choice.max_samples),
      [](const eval::ChoiceQuestion& question) -> const std::vector<int64_t>& {
        return question.choices.front().tokens;
      });
  const auto rows = evaluation.answer_waiting(
      eval::open_journal(evaluation.file(kPredictions), questions), [&](SampleJournal& journal) {
        const InferenceLm model = evaluation.load_model();
        const eval::AnsweredQuestions answered =
            eval::run_choice(evaluation.subject(model), questions, choice, journal);
        evaluation.set_throughput("questions_per_second", answered.answered_now, answered.seconds);
      });
  if (!rows) return;
  const Json results = eval::choice_results_json(*rows);
  write_json_file(evaluation.file("results.json"), results);
  print_choice_results(results);
  if (results["errors"] == 0) return;
  evaluation.run.finish();
  throw std::runtime_error(detail::concat(
      results["errors"], " questions are longer than the model's maximum and were not answered"));
}

}  // namespace retmask::cli
