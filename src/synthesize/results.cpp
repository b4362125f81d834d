#include "results.h"

#include "sft.h"
#include "win_lose.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {

std::optional<Judge> open_judge(const Options& options) {
  if (options.strategy != Strategy::win_lose) return std::nullopt;
  return Judge(options.judge, options.decoding.seed);
}

Summary write_results(const Options& options,
                      const std::optional<Judge>& judge,
                      const PromptSet& set,
                      const AnswerLookup& answers,
                      const fs::path& out) {
  if (options.strategy == Strategy::sft) return write_sft(options, set, answers, out);
  if (!judge) return write_outputs(options, set, answers, out);
  VerdictJournal verdicts(out / "verdicts.jsonl");
  judge_answers(options, *judge, set.prompts, answers, verdicts);
  return write_win_lose(options, set, answers, verdicts, out);
}

}  // namespace retmask::synthesize
