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
  const auto samples = load_samples(options.grid,
                                    {evaluation.tokenizer,
                                     chat_template.get(),
                                     evaluation.config.max_positions,
                                     evaluation.run.moment()},
                                    evaluation.run);
  SampleJournal journal = niah::open_journal(evaluation.file("predictions.jsonl"), samples);
  const InferenceLm model = evaluation.load_model();
  const niah::AnsweredSamples answered = eval::run_niah(
      {.model = model,
       .tokenizer = evaluation.tokenizer,
       .masked_heads = evaluation.masked_heads,
       .eos_token_ids = with_eos_token(
           evaluation.checkpoint.eos_token_ids(), evaluation.tokenizer, evaluation.options.model)},
      samples,
      options,
      journal);
  const std::string where = journal.path().string();
  const Json results =
      eval::niah_results_json(eval::niah_answers(std::move(journal).close(), where), samples);
  write_json_file(evaluation.file("results.json"), results);
  if (answered.answered_now > 0) {
    evaluation.run.set_throughput("samples_per_second",
                                  static_cast<double>(answered.answered_now) / answered.seconds);
  }
  std::cout << results["success"] << " of " << samples.size() << " answers right" << std::endl;
}

}  // namespace retmask::cli
