// Suite logprob of eval.

#include <algorithm>
#include <iostream>

#include "eval_suites.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/eval/logprob_suite.h"
#include "retmask/report/text.h"

namespace retmask::cli {
namespace {

eval::LogprobOptions logprob_options(const EvalCommandOptions& options) {
  return {.batch_tokens = options.batch_tokens, .max_samples = options.given_max_samples()};
}

}  // namespace

void validate_logprob(const EvalCommandOptions& options) {
  if (options.data.empty()) {
    user_error(
        "--suite logprob needs --data: a JSONL file with text, messages, or prompt and completion");
  }
  logprob_options(options).validate();
}

void run_logprob(const Evaluation& evaluation) {
  const std::filesystem::path& data = evaluation.options.data;
  eval::LogprobReader reader(*evaluation.tokenizer,
                             evaluation.checkpoint->dir(),
                             evaluation.config,
                             evaluation.run.moment());
  std::vector<eval::LogprobRow> all = reader.read(data);
  evaluation.run.add_input("data", sha256_file(data));
  const eval::LogprobOptions logprob = logprob_options(evaluation.options);
  if (logprob.max_samples) {
    all.resize(std::min(all.size(), static_cast<size_t>(*logprob.max_samples)));
  }
  const std::vector<eval::LogprobRow> texts =
      evaluation.divided.own(std::move(all), &eval::LogprobRow::tokens);
  const auto rows = evaluation.answer_waiting(
      eval::open_journal(evaluation.file(kPredictions), texts), [&](SampleJournal& journal) {
        const InferenceLm model = evaluation.load_model();
        const eval::EvaluatedRows evaluated =
            eval::run_logprob(evaluation.subject(model), texts, logprob, journal);
        evaluation.set_throughput("tokens_per_second", evaluated.tokens_now, evaluated.seconds);
      });
  if (!rows) return;
  const Json results = eval::logprob_results_json(*rows);
  write_json_file(evaluation.file("results.json"), results);
  std::cout << rows->size() << " rows, " << results["tokens"] << " predicted tokens";
  if (!results["mean"].is_null()) {
    std::cout << ", mean log-probability " << format_number(results["mean"].get<double>(), 6)
              << ", perplexity " << format_number(results["perplexity"].get<double>(), 6);
  }
  std::cout << std::endl;
}

}  // namespace retmask::cli
