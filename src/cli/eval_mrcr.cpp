// Suite mrcr of eval.

#include "eval_suites.h"
#include "retmask/base/file.h"
#include "retmask/eval/mrcr_suite.h"

namespace retmask::cli {
namespace {

eval::MrcrOptions mrcr_options(const EvalCommandOptions& options) {
  return {.tasks = options.tasks,
          .lengths = options.lengths(),
          .max_samples = options.max_samples,
          .seed = options.seed};
}

}  // namespace

void validate_mrcr(const EvalCommandOptions& options) {
  mrcr_options(options).validate(/*has_data=*/!options.data.empty());
  parse_chat_use(options.grid.chat);
}

void run_mrcr(const Evaluation& evaluation) {
  const std::filesystem::path& data = evaluation.options.data;
  const eval::MrcrOptions mrcr = mrcr_options(evaluation.options);
  evaluation.run.settle("lengths", mrcr.lengths);
  if (data.empty()) {
    const std::string essays = load_essays(evaluation);
    run_samples(evaluation, "mrcr", [&](const eval::PromptEncoder& encoder) {
      return eval::build_mrcr_samples(mrcr, essays, encoder, evaluation.config.max_positions);
    });
    return;
  }
  evaluation.run.add_input("data", sha256_file(data));
  run_samples(evaluation, "mrcr", [&](const eval::PromptEncoder& encoder) {
    return eval::read_mrcr_samples(data, mrcr, encoder);
  });
}

}  // namespace retmask::cli
