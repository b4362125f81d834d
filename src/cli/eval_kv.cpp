// Suite kv of eval.

#include "eval_suites.h"
#include "retmask/base/file.h"
#include "retmask/eval/kv_suite.h"

namespace retmask::cli {
namespace {

eval::KvOptions kv_options(const EvalCommandOptions& options) {
  return {.keys = options.keys,
          .lengths = options.lengths(),
          .depths = options.grid.grid.depths,
          .max_samples = options.max_samples,
          .seed = options.seed};
}

}  // namespace

void validate_kv(const EvalCommandOptions& options) {
  kv_options(options).validate();
  parse_chat_use(options.grid.chat);
}

void run_kv(const Evaluation& evaluation) {
  const EvalCommandOptions& options = evaluation.options;
  const eval::KvOptions kv = kv_options(options);
  evaluation.run.settle("lengths", kv.lengths);
  std::vector<eval::KvRow> rows;
  if (!options.data.empty()) {
    rows = eval::read_kv_rows(options.data);
    evaluation.run.add_input("data", sha256_file(options.data));
  }
  run_samples(evaluation, "kv", [&](const eval::PromptEncoder& encoder) {
    return eval::build_kv_samples(kv, rows, encoder, evaluation.config.max_positions);
  });
}

}  // namespace retmask::cli
