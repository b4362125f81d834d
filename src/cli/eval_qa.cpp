// Suite qa of eval.

#include "eval_suites.h"
#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/eval/qa_suite.h"

namespace retmask::cli {
namespace {

eval::QaOptions qa_options(const EvalCommandOptions& options) {
  eval::QaOptions resolved{
      .depths = options.grid.grid.depths, .max_samples = options.max_samples, .seed = options.seed};
  if (!options.lengths().empty()) resolved.lengths = options.lengths();
  return resolved;
}

}  // namespace

void validate_qa(const EvalCommandOptions& options) {
  if (options.data.empty()) {
    user_error(
        "--suite qa needs --data: a file with \"question\", \"answers\" and \"ctxs\" per row, like "
        "nq-open-oracle.jsonl of github.com/nelson-liu/lost-in-the-middle");
  }
  qa_options(options).validate();
  parse_chat_use(options.grid.chat);
}

void run_qa(const Evaluation& evaluation) {
  const std::filesystem::path& data = evaluation.options.data;
  const eval::QaOptions qa = qa_options(evaluation.options);
  evaluation.run.settle("lengths", qa.lengths);
  const std::vector<eval::PassageQuestion> questions = eval::read_passage_questions(data);
  evaluation.run.add_input("data", sha256_file(data));
  run_samples(evaluation, "qa", [&](const eval::PromptEncoder& encoder) {
    return eval::build_qa_samples(qa, questions, encoder, evaluation.config.max_positions);
  });
}

}  // namespace retmask::cli
