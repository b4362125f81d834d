#include <memory>

#include "prompt_selection.h"
#include "results.h"
#include "retmask/base/error.h"
#include "retmask/synthesize/workers.h"
#include "sources.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

// A combined view of the journals of all parts.
class Parts {
 public:
  explicit Parts(std::vector<fs::path> dirs) : dirs_(std::move(dirs)) {
    for (const fs::path& dir : dirs_) {
      journals_.push_back(std::make_unique<AnswerJournal>(dir / "answers.jsonl"));
    }
  }

  // Index of the part with the answer, if any. Throws UserError if two parts have it.
  std::optional<size_t> part_with(const AnswerTask& task) const {
    std::optional<size_t> found;
    for (size_t i = 0; i < journals_.size(); ++i) {
      if (!journals_[i]->contains(task)) continue;
      if (found) {
        user_error("--merge: the answer ",
                   task.name(),
                   " is in ",
                   dirs_[*found],
                   " and in ",
                   dirs_[i],
                   "; remove the wrongly named folder and run that part again");
      }
      found = i;
    }
    return found;
  }

  Answer answer(const AnswerTask& task) const {
    const std::optional<size_t> part = part_with(task);
    RETMASK_CHECK(part.has_value(), "no answer ", task.name());
    return journals_[*part]->find(task).value();
  }

  // Prompts are assigned to parts as in select_prompts().
  void check_complete(const std::vector<Prompt>& prompts, const Options& options) const {
    std::vector<Policy> policies = {Policy::chosen};
    if (has_rejected_policy(options.strategy)) policies.push_back(Policy::rejected);
    std::vector<int64_t> missing(dirs_.size(), 0);
    for (size_t i = 0; i < prompts.size(); ++i) {
      for (const Policy policy : policies) {
        for (int64_t sample = 0; sample < options.samples; ++sample) {
          const AnswerTask task{.prompt = &prompts[i], .policy = policy, .sample = sample};
          if (!part_with(task)) ++missing[i % dirs_.size()];
        }
      }
    }
    for (size_t i = 0; i < missing.size(); ++i) {
      if (missing[i] == 0) continue;
      const Part part{.shard = static_cast<int64_t>(i),
                      .num_shards = static_cast<int64_t>(dirs_.size())};
      user_error("--merge: ",
                 dirs_[i],
                 " is missing ",
                 missing[i],
                 " answers; run the workers' command with --shard ",
                 part.name(),
                 " to resume it");
    }
  }

  // Joins the verdicts into one journal, so that nothing is judged again.
  void join_verdicts(const std::vector<Prompt>& prompts,
                     int64_t samples,
                     const fs::path& out) const {
    VerdictJournal joined(out / "verdicts.jsonl");
    for (const fs::path& dir : dirs_) {
      const VerdictJournal verdicts(dir / "verdicts.jsonl");
      for (const Prompt& prompt : prompts) {
        for (int64_t sample = 0; sample < samples; ++sample) {
          const AnswerTask task{.prompt = &prompt, .policy = Policy::chosen, .sample = sample};
          const Verdict* verdict = verdicts.find(task);
          if (verdict != nullptr && joined.find(task) == nullptr) joined.add(task, *verdict);
        }
      }
    }
  }

 private:
  std::vector<fs::path> dirs_;
  std::vector<std::unique_ptr<AnswerJournal>> journals_;
};

}  // namespace

Result merge(const Options& unresolved, const fs::path& out) {
  unresolved.validate();
  Options options = unresolved;
  options.strategy = resolved_strategy(unresolved);
  RETMASK_CHECK(options.selection.num_shards == 1);
  const PromptSet set = read_selected_prompts(options);
  const Parts parts(find_parts(out));
  parts.check_complete(set.prompts, options);
  const std::optional<Judge> judge = open_judge(options);
  if (judge) parts.join_verdicts(set.prompts, options.samples, out);
  Result result;
  result.strategy = options.strategy;
  result.summary = write_results(
      options, judge, set, [&](const AnswerTask& task) { return parts.answer(task); }, out);
  return result;
}

}  // namespace retmask::synthesize
