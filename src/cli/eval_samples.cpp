// What eval's suites of generated answers have in common.

#include <iostream>
#include <stdexcept>

#include "eval_suites.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/format_text.h"
#include "retmask/eval/answer_samples.h"
#include "retmask/eval/task_results.h"
#include "retmask/niah/needles.h"
#include "retmask/report/table.h"
#include "retmask/report/text.h"

namespace retmask::cli {
namespace {

// The suite of the folder that `answers` lies in; empty if it says none.
std::string suite_beside(const std::filesystem::path& answers) {
  const std::filesystem::path results = answers.parent_path() / "results.json";
  if (!std::filesystem::exists(results)) return "";
  return json_get_or<std::string>(
      read_json_file(results, "results"), "suite", "", results.string());
}

}  // namespace

void write_results(const std::filesystem::path& out, const Json& results) {
  write_json_file(out / "results.json", results);
  Table table{.columns = {"task", "length", "score", "samples", "errors"}, .rows = {}};
  for (const Json& task : results["tasks"]) {
    const Json& score = task["score"];
    table.rows.push_back({task["task"].get<std::string>(),
                          task.contains("length") ? task["length"].dump() : "",
                          score.is_null() ? "n/a" : format_text("%.3f", score.get<double>()),
                          task["total"].dump(),
                          task["errors"].dump()});
  }
  std::cout << to_text(table) << std::flush;
}

std::string load_essays(const Evaluation& evaluation) {
  const std::filesystem::path& folder = evaluation.options.grid.grid.haystack;
  std::string text =
      folder.empty() ? niah::builtin_haystack() : niah::read_haystacks(folder, 1).front();
  evaluation.run.add_input("needles", sha256(text));  // the name that niah_rules() has for it
  return text;
}

void run_samples(
    const Evaluation& evaluation,
    const char* suite,
    const std::function<std::vector<eval::Sample>(const eval::PromptEncoder& encoder)>& build,
    const std::function<Json(const std::vector<Json>& rows)>& summarize) {
  const EvalCommandOptions& options = evaluation.options;
  const eval::PromptEncoder encoder(evaluation.tokenizer,
                                    evaluation.checkpoint.dir(),
                                    parse_chat_use(options.grid.chat),
                                    evaluation.run.moment());
  const std::vector<eval::Sample> samples = build(encoder);
  const InferenceLm model = evaluation.load_model();
  Journal journal(evaluation.file("predictions.jsonl"));
  const eval::SampleAnswers answers = eval::answer_samples(
      {.model = model,
       .tokenizer = evaluation.tokenizer,
       .masked_heads = evaluation.masked_heads,
       .eos_token_ids = with_eos_token(
           evaluation.checkpoint.eos_token_ids(), evaluation.tokenizer, options.model)},
      samples,
      {.title = std::string("eval ") + suite, .batch_size = options.batch_size},
      journal);
  if (answers.answered_now > 0) {
    evaluation.run.set_throughput("samples_per_second",
                                  static_cast<double>(answers.answered_now) / answers.seconds);
  }
  write_results(evaluation.common.out,
                summarize ? summarize(answers.rows) : eval::task_results_json(suite, answers.rows));
  const int64_t errors = answers.num_errors();
  if (errors == 0) return;
  evaluation.run.finish();
  for (const Json& row : answers.rows) {
    if (!row.contains("error")) continue;
    throw std::runtime_error(detail::concat(errors,
                                            " of ",
                                            samples.size(),
                                            " samples have no answer; the first is ",
                                            row["id"].get<std::string>(),
                                            ": ",
                                            row["error"].get<std::string>()));
  }
}

void check_same_suite(const Rescoring& rescoring) {
  const std::string suite = suite_beside(rescoring.answers);
  if (!suite.empty() && suite != rescoring.suite) {
    user_error(rescoring.answers, " has answers of --suite ", suite, ", not of ", rescoring.suite);
  }
}

void rescore_samples(const Rescoring& rescoring) {
  check_same_suite(rescoring);
  const std::vector<Json> rows = eval::rescored_rows(rescoring.answers);
  write_json_lines(rescoring.file("predictions.jsonl"), rows);
  write_results(rescoring.out, eval::task_results_json(rescoring.suite, rows));
}

}  // namespace retmask::cli
