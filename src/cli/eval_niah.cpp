// Suite niah of eval.

#include <iostream>

#include "eval_suites.h"
#include "retmask/eval/niah_suite.h"
#include "retmask/niah/sample_rows.h"

namespace retmask::cli {

eval::NiahOptions EvalCommandOptions::resolved_niah() const {
  return {.grid = grid.resolve(seed), .batch_size = batch_size};
}

void validate_niah(const EvalCommandOptions& options) { options.resolved_niah().validate(); }

void run_niah(const Evaluation& evaluation) {
  const eval::NiahOptions options = evaluation.options.resolved_niah();
  const auto chat_template =
      load_prompt_template(options.grid.chat, evaluation.checkpoint, evaluation.run);
  const std::vector<niah::Sample> samples =
      evaluation.divided.own(load_samples(options.grid,
                                          {evaluation.tokenizer,
                                           chat_template.get(),
                                           evaluation.config.max_positions,
                                           evaluation.run.moment()},
                                          evaluation.run),
                             &niah::Sample::prompt);
  const std::filesystem::path path = evaluation.file(kPredictions);
  const auto rows =
      evaluation.answer_waiting(niah::open_journal(path, samples), [&](SampleJournal& journal) {
        const InferenceLm model = evaluation.load_model();
        const niah::AnsweredSamples answered =
            eval::run_niah(evaluation.subject(model), samples, options, journal);
        evaluation.set_throughput("samples_per_second", answered.answered_now, answered.seconds);
      });
  if (!rows) return;
  const Json results = eval::niah_results_json(eval::niah_answers(*rows, path.string()), samples);
  write_json_file(evaluation.file("results.json"), results);
  std::cout << results["success"] << " of " << samples.size() << " answers right" << std::endl;
}

}  // namespace retmask::cli
