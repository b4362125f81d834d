// What eval's suites of generated answers have in common.

#include <algorithm>
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
  const std::vector<eval::Sample> samples =
      evaluation.divided.own(build(encoder), &eval::Sample::prompt);
  const auto rows = evaluation.answer_waiting(
      eval::open_journal(evaluation.file(kPredictions), samples), [&](SampleJournal& journal) {
        const InferenceLm model = evaluation.load_model();
        const eval::AnsweredSamples answered = eval::answer_samples(
            evaluation.subject(model),
            samples,
            {.title = std::string("eval ") + suite, .batch_size = options.batch_size},
            journal);
        evaluation.set_throughput("samples_per_second", answered.answered_now, answered.seconds);
      });
  if (!rows) return;
  write_results(evaluation.common.out,
                summarize ? summarize(*rows) : eval::task_results_json(suite, *rows));
  const auto has_error = [](const Json& row) { return row.contains("error"); };
  const auto errors = std::ranges::count_if(*rows, has_error);
  if (errors == 0) return;
  evaluation.run.finish();
  const Json& first = *std::ranges::find_if(*rows, has_error);
  throw std::runtime_error(detail::concat(errors,
                                          " of ",
                                          rows->size(),
                                          " samples have no answer; the first is ",
                                          first["id"].get<std::string>(),
                                          ": ",
                                          first["error"].get<std::string>()));
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
