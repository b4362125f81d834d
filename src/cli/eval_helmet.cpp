// Suite helmet of eval.

#include <algorithm>
#include <set>

#include "eval_plan.h"
#include "eval_suites.h"
#include "helmet_output.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"
#include "retmask/eval/helmet_judging.h"
#include "retmask/eval/helmet_results.h"
#include "retmask/eval/helmet_suite.h"
#include "retmask/eval/task_results.h"
#include "retmask/report/run_report.h"

namespace retmask::cli {
namespace {

eval::HelmetOptions helmet_options(const EvalCommandOptions& options) {
  eval::HelmetOptions resolved{.data = options.data,
                               .tasks = options.tasks,
                               .categories = options.helmet.categories,
                               .lengths = options.lengths(),
                               .max_samples = options.given_max_samples(),
                               .stop_newline = options.helmet.stop_newline,
                               .chat = parse_chat_use(options.grid.chat),
                               .length_tokenizer = options.helmet.length_tokenizer};
  if (options.is_given("shots")) resolved.shots = options.helmet.shots;
  if (options.is_given("seed")) resolved.seed = options.seed;
  return resolved;
}

eval::FindReply finder(const eval::JudgeReplies& replies) {
  return [&replies](const std::string& id) { return replies.find(id); };
}

eval::HelmetSources judges_sources(const EvalCommandOptions& options) {
  return {.data = options.data, .punkt = options.helmet.punkt, .prompts = options.judge_prompts};
}

// Reads what the judges' requests are made of, so that a missing file ends the run before its
// answers, not after. Throws UserError.
void check_judges_data(const EvalCommandOptions& options,
                       const std::vector<eval::Sample>& samples) {
  const bool uses_judge = options.judge.resolved(options.server).given();
  const bool uses_nli = options.helmet.nli.resolved(options.server).given();
  if (!uses_judge && !uses_nli) return;
  std::vector<Json> rows;
  for (const eval::Sample& sample : samples)
    rows.push_back(eval::answered_row(sample, "As it says [1]."));
  if (uses_nli) eval::helmet_nli_requests(rows, judges_sources(options));
  if (uses_judge) eval::helmet_judge_requests(rows, judges_sources(options));
}

// Adds the metrics that another model decides, if one is given, and keeps them in
// predictions.jsonl.
void judge_rows(const EvalCommandOptions& options,
                const std::filesystem::path& out,
                RunRecord& run,
                std::vector<Json>& rows) {
  const eval::HelmetSources sources = judges_sources(options);
  const eval::JudgeOptions judge = options.judge.resolved(options.server);
  const eval::JudgeOptions nli = options.helmet.nli.resolved(options.server);
  for (Json& row : rows) row.erase("unjudged");  // by an earlier judge
  if (nli.given()) {
    const eval::JudgeReplies replies =
        ask_judge(nli, eval::helmet_nli_requests(rows, sources), out / "nli.jsonl", run);
    eval::add_helmet_citations(rows, sources, finder(replies));
  }
  if (judge.given()) {
    const eval::JudgeReplies replies =
        ask_judge(judge, eval::helmet_judge_requests(rows, sources), out / "verdicts.jsonl", run);
    eval::add_helmet_judgements(rows, sources, finder(replies));
  }
  if (nli.given() || judge.given()) write_json_lines(out / kPredictions, rows);
}

bool asks_asqa(const EvalCommandOptions& options) {
  if (!options.tasks.empty()) {
    return std::ranges::any_of(
        options.tasks, [](const std::string& task) { return task.starts_with("alce_asqa"); });
  }
  const std::vector<std::string>& categories = options.helmet.categories;
  return categories.empty() || std::ranges::find(categories, "Cite") != categories.end();
}

// Only a chat template tells a model to think.
void warn_of_plain_prompts(const std::vector<eval::Sample>& samples) {
  std::set<std::string> tasks;
  for (const eval::Sample& sample : samples) {
    if (sample.meta.at("chat") == false) tasks.insert(sample.task);
  }
  if (tasks.empty()) return;
  std::string names;
  for (const std::string& task : tasks) names += (names.empty() ? "" : ", ") + task;
  log::warn("--thinking on tells the model nothing in the prompts of " + names +
            ", which HELMET asks without a chat template; --chat all uses it there too");
}

void validate_judges(const EvalCommandOptions& options) {
  options.judge.resolved(options.server).validate();
  options.helmet.nli.resolved(options.server).validate();
}

Json summarized(const std::vector<Json>& rows,
                const EvalCommandOptions& options,
                const eval::HelmetResultOptions& result_options,
                const std::filesystem::path& out) {
  Json results = eval::helmet_results_json(rows, result_options);
  const eval::HelmetOptions helmet = helmet_options(options);
  write_helmet_output(out,
                      rows,
                      results,
                      {.max_samples = helmet.max_samples.value_or(-1),
                       .shots = helmet.shots.value_or(-1),
                       .seed = helmet.seed});
  return results;
}

}  // namespace

void validate_helmet(const EvalCommandOptions& options) {
  helmet_options(options).validate();
  if (options.server.given() && options.model.empty()) {
    user_error(
        "--endpoint: --suite helmet counts the tokens of its prompts; give --model: a folder with "
        "the tokenizer of the server's model (weights are not needed)");
  }
  if (options.server.given() && options.lengths().empty()) {
    user_error(
        "--endpoint: --suite helmet needs --lengths, because what the server's model can read is "
        "not known: 8k, 16k, 32k, 64k, 128k or others");
  }
  validate_judges(options);
  const bool uses_nli = options.helmet.nli.resolved(options.server).given();
  if (uses_nli && options.helmet.punkt.empty() && asks_asqa(options)) {
    user_error(
        "the citations of alce_asqa need --punkt: NLTK's folder tokenizers/punkt_tab/english (its "
        "package punkt_tab), which splits answers into sentences; or give --tasks without it");
  }
}

void run_helmet(const Evaluation& evaluation) {
  const EvalCommandOptions& options = evaluation.options;
  const eval::HelmetOptions helmet = helmet_options(options);
  const int64_t max_positions = evaluation.config.max_positions;
  evaluation.run.settle("lengths", helmet.resolved_lengths(max_positions));
  eval::HelmetResultOptions results{.rouge_proxy = options.helmet.rouge_proxy};
  run_samples(
      evaluation,
      "helmet",
      [&](const eval::PromptEncoder& encoder) {
        eval::HelmetSamples built = eval::build_helmet_samples(helmet, encoder, max_positions);
        evaluation.run.add_input("data", hash_files(built.files));
        results.left_out = built.left_out;
        check_judges_data(options, built.samples);
        if (options.resolved_thinking().is_on()) warn_of_plain_prompts(built.samples);
        if (!options.server.given()) log_plan(evaluation, built.samples);
        return std::move(built.samples);
      },
      [&](std::vector<Json> rows) {
        judge_rows(options, evaluation.common.out, evaluation.run, rows);
        return summarized(rows, options, results, evaluation.common.out);
      });
  if (!evaluation.divided.is_part()) write_run_report(evaluation.common.out);
}

void rescore_helmet(const Rescoring& rescoring) {
  const std::filesystem::path& answers = rescoring.answers;
  std::vector<Json> rows;
  if (std::filesystem::is_directory(answers) || answers.extension() == ".json") {
    rows = eval::read_helmet_files(answers);
  } else {
    check_same_suite(rescoring);
    rows = eval::rescored_rows(answers);
  }
  validate_judges(rescoring.options);
  write_json_lines(rescoring.file(kPredictions), rows);
  judge_rows(rescoring.options, rescoring.out, rescoring.run, rows);
  const eval::HelmetResultOptions results{.rouge_proxy = rescoring.options.helmet.rouge_proxy};
  write_results(rescoring.out, rows, summarized(rows, rescoring.options, results, rescoring.out));
  write_run_report(rescoring.out);
}

}  // namespace retmask::cli
