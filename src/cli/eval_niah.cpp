// Suite niah of eval.

#include <iostream>

#include "eval_suites.h"
#include "retmask/base/error.h"
#include "retmask/eval/answer_by_server.h"
#include "retmask/eval/niah_suite.h"
#include "retmask/niah/sample_rows.h"

namespace retmask::cli {

eval::NiahOptions EvalCommandOptions::resolved_niah() const {
  return {.grid = grid.resolve(seed), .batch_size = batch_size, .thinking = resolved_thinking()};
}

void validate_niah(const EvalCommandOptions& options) { options.resolved_niah().validate(); }

void run_niah(const Evaluation& evaluation) {
  const eval::NiahOptions options = evaluation.options.resolved_niah();
  const endpoint::Options& server = evaluation.options.server;
  if (evaluation.tokenizer == nullptr) {
    user_error(
        "--suite niah counts the tokens of its prompts; give --model beside --endpoint: a folder "
        "with the tokenizer of the server's model (weights are not needed)");
  }
  const auto chat_template =
      load_prompt_template(options.grid.chat, evaluation.options.model, evaluation.run);
  const ChatEncoder encoder(*evaluation.tokenizer,
                            chat_template.get(),
                            evaluation.run.moment(),
                            options.thinking.enable_thinking());
  if (!server.given()) options.thinking.check_template(encoder, evaluation.options.model.string());
  // The prompts must leave room for the thinking too.
  niah::GridOptions grid = options.grid;
  grid.max_new_tokens += options.thinking.extra_tokens(*evaluation.tokenizer);
  const std::vector<niah::Sample> samples = evaluation.divided.own(
      load_samples(grid,
                   {encoder, evaluation.config.max_positions, /*keeps_messages=*/server.given()},
                   evaluation.run),
      &niah::Sample::prompt);
  const std::filesystem::path path = evaluation.file(kPredictions);
  const auto rows =
      evaluation.answer_waiting(niah::open_journal(path, samples), [&](SampleJournal& journal) {
        if (server.given()) {
          const eval::AnsweredSamples answered =
              eval::run_niah_by_server(server, samples, options, journal);
          evaluation.set_throughput("samples_per_second", answered.answered_now, answered.seconds);
          return;
        }
        const InferenceLm model = evaluation.load_model();
        const niah::AnsweredSamples answered =
            eval::run_niah(evaluation.subject(model), samples, options, journal);
        evaluation.set_throughput("samples_per_second", answered.answered_now, answered.seconds);
      });
  if (!rows) return;
  if (server.given()) evaluation.run.set_use("endpoint", eval::server_use(server, *rows));
  Json results = eval::niah_results_json(eval::niah_answers(*rows, path.string()), samples);
  eval::count_unended_thinking(*rows, results);
  write_json_file(evaluation.file("results.json"), results);
  std::cout << results["success"] << " of " << samples.size() << " answers right" << std::endl;
  print_unended_thinking(results, samples.size());
}

}  // namespace retmask::cli
