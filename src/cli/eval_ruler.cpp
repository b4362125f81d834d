// Suite ruler of eval.

#include "eval_suites.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/eval/ruler_suite.h"

namespace retmask::cli {
namespace {

eval::RulerOptions ruler_options(const EvalCommandOptions& options) {
  eval::RulerOptions resolved{
      .tasks = options.tasks, .max_samples = options.max_samples, .seed = options.seed};
  if (!options.lengths().empty()) resolved.lengths = options.lengths();
  return resolved;
}

}  // namespace

void validate_ruler(const EvalCommandOptions& options) {
  ruler_options(options).validate(/*has_data=*/!options.data.empty());
  parse_chat_use(options.grid.chat);
}

void run_ruler(const Evaluation& evaluation) {
  const EvalCommandOptions& options = evaluation.options;
  const eval::RulerOptions ruler = ruler_options(options);
  eval::RulerData data{.essays = load_essays(evaluation)};
  evaluation.run.settle("lengths", ruler.lengths);
  if (!options.data.empty()) {
    data.questions = eval::read_passage_questions(options.data);
    evaluation.run.add_input("data", sha256_file(options.data));
  }
  run_samples(evaluation, "ruler", [&](const eval::PromptEncoder& encoder) {
    return eval::build_ruler_samples(ruler, data, encoder, evaluation.config.max_positions);
  });
}

}  // namespace retmask::cli
