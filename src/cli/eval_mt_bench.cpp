// Suite mt-bench of eval.

#include <iostream>
#include <limits>
#include <map>

#include "eval_suites.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/format_text.h"
#include "retmask/eval/mt_bench_suite.h"
#include "retmask/report/table.h"

namespace retmask::cli {
namespace {

eval::MtBenchOptions mt_bench_options(const EvalCommandOptions& options) {
  return {.profile = options.profile,
          .max_samples = options.max_samples,
          .max_new_tokens = options.given_max_new_tokens()};
}

std::vector<eval::MtBenchQuestion> questions_of(const EvalCommandOptions& options,
                                                int64_t max_samples,
                                                RunRecord& run) {
  if (options.data.empty()) {
    user_error(
        "--data is required: question.jsonl of FastChat's llm_judge/data/mt_bench "
        "(github.com/lm-sys/FastChat, Apache-2.0)");
  }
  run.add_input("data", sha256_file(options.data));
  return eval::read_mt_bench_questions(options.data, max_samples);
}

void validate_judge(const EvalCommandOptions& options) {
  const eval::JudgeOptions judge = options.judge.resolved(options.server);
  judge.validate();
  if (judge.given() && options.judge_prompts.empty()) {
    user_error(
        "--judge-prompts is required with a judge: judge_prompts.jsonl of FastChat's "
        "llm_judge/data (github.com/lm-sys/FastChat, Apache-2.0)");
  }
}

// Grades the rows, if somebody judges them.
void ask_and_grade(const EvalCommandOptions& options,
                   const std::vector<eval::MtBenchQuestion>& questions,
                   const std::filesystem::path& journal,
                   std::vector<Json>& rows,
                   RunRecord& run) {
  run.add_input("judge-prompts", sha256_file(options.judge_prompts));
  if (!options.judge_references.empty()) {
    run.add_input("judge-references", sha256_file(options.judge_references));
  }
  const eval::MtBenchRubric rubric =
      eval::read_mt_bench_rubric(options.judge_prompts, options.judge_references);
  const eval::JudgeReplies replies = ask_judge(options.judge.resolved(options.server),
                                               eval::mt_bench_requests(questions, rows, rubric),
                                               journal,
                                               run);
  eval::grade_mt_bench(rows, replies);
}

// The judge's replies that the rows of an earlier run hold.
std::map<std::string, std::string> verdicts_of(const std::vector<Json>& rows) {
  std::map<std::string, std::string> verdicts;
  for (const Json& row : rows) {
    const Json verdict = row.value("verdict", Json());
    if (verdict.is_string()) verdicts[row["id"].get<std::string>()] = verdict.get<std::string>();
  }
  return verdicts;
}

void write_mt_bench_results(const EvalCommandOptions& options,
                            const std::filesystem::path& out,
                            const std::vector<Json>& rows) {
  write_json_lines(out / "predictions.jsonl", rows);
  Json results = eval::mt_bench_results_json(mt_bench_options(options), rows);
  eval::count_unended_thinking(rows, results);
  write_json_file(out / "results.json", results);
  const auto grade = [](const Json& score, const char* format) {
    return score.is_null() ? "n/a" : format_text(format, score.get<double>());
  };
  Table table{.columns = {"category", "turn", "score", "answers", "errors", "missing", "invalid"},
              .rows = {}};
  for (const Json& task : results["tasks"]) {
    table.rows.push_back({task["task"].get<std::string>(),
                          task["turn"].dump(),
                          grade(task["score"], "%.2f"),
                          task["total"].dump(),
                          task["errors"].dump(),
                          task["missing"].dump(),
                          task["invalid"].dump()});
  }
  std::cout << to_text(table) << "score " << grade(results["score"], "%.2f") << " of 10, on the "
            << "scale of the paper " << grade(results["paper_score"], "%.3f");
  if (results["missing"] > 0) {
    std::cout << "; no judge has read " << results["missing"] << " answers";
  }
  std::cout << std::endl;
  print_unended_thinking(results, rows.size());
}

}  // namespace

void validate_mt_bench(const EvalCommandOptions& options) {
  mt_bench_options(options).validate();
  parse_chat_use(options.grid.chat);
  validate_judge(options);
}

void run_mt_bench(const Evaluation& evaluation) {
  const EvalCommandOptions& options = evaluation.options;
  const eval::MtBenchOptions mt_bench = mt_bench_options(options);
  const std::vector<eval::MtBenchQuestion> questions =
      questions_of(options, options.max_samples, evaluation.run);
  AnswerSource source(evaluation);
  const auto first_rows = source.answer("eval mt-bench, turn 1",
                                        eval::first_turns(mt_bench, questions, source.encoder()),
                                        "first_turns.jsonl");
  const auto second_rows =
      source.answer("eval mt-bench, turn 2",
                    eval::second_turns(mt_bench, questions, *first_rows, source.encoder()),
                    "second_turns.jsonl");
  std::vector<Json> rows = eval::both_turns(*first_rows, *second_rows);
  if (options.judge.options.given()) {
    ask_and_grade(options, questions, evaluation.file("verdicts.jsonl"), rows, evaluation.run);
  } else {
    eval::grade_mt_bench(rows, /*replies=*/{});
  }
  write_mt_bench_results(options, evaluation.common.out, rows);
  check_all_answered(rows, evaluation.run);
}

void rescore_mt_bench(const Rescoring& rescoring) {
  const EvalCommandOptions& options = rescoring.options;
  validate_mt_bench(options);
  check_same_suite(rescoring);
  std::vector<Json> rows = eval::read_mt_bench_rows(rescoring.answers);
  if (options.judge.options.given()) {
    ask_and_grade(options,
                  questions_of(options, std::numeric_limits<int64_t>::max(), rescoring.run),
                  rescoring.file("verdicts.jsonl"),
                  rows,
                  rescoring.run);
  } else {
    const eval::JudgeReplies earlier{.texts = verdicts_of(rows)};
    eval::grade_mt_bench(rows, earlier);
  }
  write_mt_bench_results(options, rescoring.out, rows);
}

}  // namespace retmask::cli
