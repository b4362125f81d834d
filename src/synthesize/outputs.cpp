#include "outputs.h"

#include "retmask/base/error.h"
#include "sources.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

void write_pairs(const fs::path& path,
                 const Options& options,
                 const PromptSet& set,
                 const AnswerJournal& journal,
                 Summary& summary) {
  std::vector<Json> rows;
  for (const Prompt& prompt : set.prompts) {
    const auto chosen = answers_to(prompt, Policy::chosen, options.samples, journal);
    const auto rejected = answers_to(prompt, Policy::rejected, options.samples, journal);
    for (size_t i = 0; i < chosen.size(); ++i) {
      summary.add_answer(Policy::chosen, *chosen[i]);
      summary.add_answer(Policy::rejected, *rejected[i]);
      const std::optional<DropReason> dropped =
          drop_reason(*chosen[i], *rejected[i], options.pairs);
      summary.add_pair(dropped);
      if (!dropped)
        rows.push_back(pair_row(prompt, static_cast<int64_t>(i), *chosen[i], *rejected[i]));
    }
  }
  write_json_lines(path, rows);
}

}  // namespace

std::vector<const Answer*> answers_to(const Prompt& prompt,
                                      Policy policy,
                                      int64_t samples,
                                      const AnswerJournal& journal) {
  std::vector<const Answer*> answers;
  for (int64_t sample = 0; sample < samples; ++sample) {
    const AnswerTask task{.prompt = &prompt, .policy = policy, .sample = sample};
    answers.push_back(journal.find(task));
    RETMASK_CHECK(answers.back() != nullptr, "no answer ", task.name());
  }
  return answers;
}

void write_answers(const fs::path& path,
                   Policy policy,
                   const Options& options,
                   const PromptSet& set,
                   const AnswerJournal& journal) {
  std::vector<Json> rows;
  for (const Prompt& prompt : set.prompts) {
    rows.push_back(reference_row(prompt,
                                 answers_to(prompt, policy, options.samples, journal),
                                 source_name(options, policy)));
  }
  write_json_lines(path, rows);
}

Summary write_outputs(const Options& options,
                      const PromptSet& set,
                      const AnswerJournal& journal,
                      const fs::path& out) {
  Summary summary;
  summary.set_prompts(static_cast<int64_t>(set.prompts.size()), set.blank);
  write_answers(out / "chosen.jsonl.gz", Policy::chosen, options, set, journal);
  write_answers(out / "rejected.jsonl.gz", Policy::rejected, options, set, journal);
  write_pairs(out / "pairs.jsonl", options, set, journal, summary);
  write_json_file(out / "summary.json", summary.to_json());
  return summary;
}

}  // namespace retmask::synthesize
