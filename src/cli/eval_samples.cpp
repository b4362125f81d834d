// What eval's suites of generated answers have in common.

#include <algorithm>
#include <iostream>
#include <stdexcept>

#include "eval_suites.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/format_text.h"
#include "retmask/base/utf8.h"
#include "retmask/eval/answer_by_server.h"
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

void write_prompts(const std::filesystem::path& path,
                   const std::vector<eval::Sample>& samples,
                   const Tokenizer* tokenizer) {
  std::vector<Json> rows;
  for (const eval::Sample& sample : samples) {
    Json row = {{"id", sample.id}};
    if (sample.messages.empty())
      row["prompt"] = lossy_utf8(tokenizer->decode(sample.prompt, /*skip_special_tokens=*/false));
    else
      row["messages"] = sample.messages;
    row["max_new_tokens"] = sample.max_new_tokens;
    rows.push_back(std::move(row));
  }
  write_json_lines(path, rows);
}

}  // namespace

void print_unended_thinking(const Json& results, size_t num_rows) {
  const auto unended = results.find("unended_thinking");
  if (unended == results.end()) return;
  std::cout << *unended << " of " << num_rows << " answers are empty: their thinking did not end"
            << std::endl;
}

void write_results(const std::filesystem::path& out, const std::vector<Json>& rows, Json results) {
  eval::count_unended_thinking(rows, results);
  write_json_file(out / "results.json", results);
  const char* score_name = results["suite"] == "helmet" ? "score in %" : "score";
  Table table{.columns = {"task", "length", score_name, "samples", "errors"}, .rows = {}};
  for (const Json& task : results["tasks"]) {
    const Json& score = task["score"];
    table.rows.push_back({task["task"].get<std::string>(),
                          task.contains("length") ? task["length"].dump() : "",
                          score.is_null() ? "n/a" : format_text("%.3f", score.get<double>()),
                          task["total"].dump(),
                          task["errors"].dump()});
  }
  std::cout << to_text(table) << std::flush;
  print_unended_thinking(results, rows.size());
}

std::string load_essays(const Evaluation& evaluation) {
  const std::filesystem::path& folder = evaluation.options.grid.grid.haystack;
  std::string text =
      folder.empty() ? niah::builtin_haystack() : niah::read_haystacks(folder, 1).front();
  evaluation.run.add_input("needles", sha256(text));  // the name that niah_rules() has for it
  return text;
}

AnswerSource::AnswerSource(const Evaluation& evaluation) : evaluation_(evaluation) {
  const EvalCommandOptions& options = evaluation.options;
  if (evaluation.tokenizer != nullptr) {
    encoder_.emplace(*evaluation.tokenizer,
                     options.model,
                     parse_chat_use(options.grid.chat),
                     evaluation.run.moment(),
                     options.resolved_thinking());
    // In helmet, auto is not one of the other two: it depends on the task.
    if (options.suite != "helmet") {
      settle_chat(encoder_->uses_template(), evaluation.run);
    }
  }
  if (!options.server.given()) return;
  server_encoder_ = eval::PromptEncoder::for_server(encoder_ ? &*encoder_ : nullptr);
}

eval::AnsweredSamples AnswerSource::answer_waiting(const std::vector<eval::Sample>& samples,
                                                   const eval::AnswerOptions& options,
                                                   SampleJournal& journal) {
  const endpoint::Options& server = evaluation_.options.server;
  if (server.given()) return eval::answer_by_server(server, samples, options, journal);
  if (!model_) model_.emplace(evaluation_.load_model());
  return eval::answer_samples(evaluation_.subject(*model_), samples, options, journal);
}

std::optional<std::vector<Json>> AnswerSource::answer(const std::string& title,
                                                      std::vector<eval::Sample> all,
                                                      const char* file) {
  const EvalCommandOptions& options = evaluation_.options;
  const std::vector<eval::Sample> samples =
      evaluation_.divided.own(std::move(all), &eval::Sample::prompt);
  if (options.save_prompts)
    write_prompts(evaluation_.file("prompts.jsonl"), samples, evaluation_.tokenizer);
  const auto rows = evaluation_.answer_waiting(
      eval::open_journal(evaluation_.file(file), samples), [&](SampleJournal& journal) {
        const eval::AnsweredSamples answered =
            answer_waiting(samples,
                           {.title = title,
                            .batch_size = options.batch_size,
                            .seed = options.seed,
                            .thinking = options.resolved_thinking()},
                           journal);
        evaluation_.set_throughput("samples_per_second", answered.answered_now, answered.seconds);
      });
  if (rows && options.server.given()) {
    answered_.insert(answered_.end(), rows->begin(), rows->end());
    evaluation_.run.set_use("endpoint", eval::server_use(options.server, answered_));
  }
  return rows;
}

void run_samples(
    const Evaluation& evaluation,
    const char* suite,
    const std::function<std::vector<eval::Sample>(const eval::PromptEncoder& encoder)>& build,
    const std::function<Json(const std::vector<Json>& rows)>& summarize) {
  AnswerSource source(evaluation);
  const auto rows =
      source.answer(std::string("eval ") + suite, build(source.encoder()), kPredictions);
  if (!rows) return;
  write_results(evaluation.common.out,
                *rows,
                summarize ? summarize(*rows) : eval::task_results_json(suite, *rows));
  check_all_answered(*rows, evaluation.run);
}

void check_all_answered(const std::vector<Json>& rows, RunRecord& run) {
  const auto has_error = [](const Json& row) { return row.contains("error"); };
  const auto errors = std::ranges::count_if(rows, has_error);
  if (errors == 0) return;
  run.finish();
  const Json& first = *std::ranges::find_if(rows, has_error);
  throw std::runtime_error(detail::concat(errors,
                                          " of ",
                                          rows.size(),
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
  write_results(rescoring.out, rows, eval::task_results_json(rescoring.suite, rows));
}

}  // namespace retmask::cli
