#include "outputs.h"

#include "retmask/base/file.h"
#include "thinking.h"
#include "win_lose.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

// A server may ignore enable_thinking=false.
bool strips_thinking(Policy policy, const ResolvedOptions& options) {
  return options.thinking == Thinking::strip ||
         (options.thinking == Thinking::off && options.source_of(policy).is_remote());
}

// True if the template of the policy's checkpoint opens the thinking. Unknown for a server.
bool opened_by_prompt(Policy policy, const ResolvedOptions& options) {
  const Source& source = options.source_of(policy);
  return !source.is_remote() && prompt_opens_thinking(source.model, options.template_variables);
}

// Answers as written to the final files: with the runaway flag set and, on request, the thinking
// stripped. The constructor's arguments must outlive this object.
class FinalAnswers {
 public:
  FinalAnswers(const ResolvedOptions& options, const AnswerLookup& answers)
      : options_(options), answers_(answers) {
    for (const Policy policy : options.policies()) {
      const bool strips = strips_thinking(policy, options);
      rules_[policy] = {.strips_thinking = strips,
                        .opened_by_prompt = strips && opened_by_prompt(policy, options)};
    }
  }

  PolicyAnswers to(const Prompt& prompt) const {
    PolicyAnswers all;
    for (const auto& [policy, rule] : rules_) {
      for (int64_t sample = 0; sample < options_.samples; ++sample) {
        Answer answer = answers_({.prompt = &prompt, .policy = policy, .sample = sample});
        answer.runaway = is_runaway(answer, options_.pairs);  // thinking may loop too
        if (rule.strips_thinking) strip_thinking(rule.opened_by_prompt, answer);
        all[policy].push_back(std::move(answer));
      }
    }
    return all;
  }

 private:
  struct Rule {
    bool strips_thinking = false;
    bool opened_by_prompt = false;
  };

  const ResolvedOptions& options_;
  const AnswerLookup& answers_;
  std::map<Policy, Rule> rules_;
};

// Removes leftovers of a killed run.
fs::path cleared(const fs::path& file) {
  remove_leftovers(file);
  return file;
}

}  // namespace

std::unique_ptr<RowMaker> make_row_maker(const ResolvedOptions& options) {
  switch (options.strategy) {
    case Strategy::win_lose:
      return std::make_unique<WinLoseRows>(options);
    case Strategy::sft:
      return std::make_unique<SftRows>(options.pairs);
    default:
      return std::make_unique<PairRows>(options.pairs);
  }
}

Summary write_outputs(const ResolvedOptions& options,
                      RowMaker& row_maker,
                      const PromptSet& set,
                      const AnswerLookup& answers,
                      const fs::path& out) {
  const FinalAnswers final_answers(options, answers);
  row_maker.prepare(
      set.prompts, [&](const Prompt& prompt) { return final_answers.to(prompt); }, out);
  std::map<Policy, JsonLinesWriter> policy_files;
  for (const Policy policy : options.policies()) {
    policy_files.try_emplace(policy, cleared(out / (to_string(policy) + ".jsonl.gz")));
  }
  JsonLinesWriter training_file(cleared(out / row_maker.file()));
  Summary summary;
  summary.set_prompts(set);
  for (const Prompt& prompt : set.prompts) {
    const PolicyAnswers all = final_answers.to(prompt);
    for (const auto& [policy, samples] : all) {
      policy_files.at(policy).append(reference_row(prompt, samples, options.source_name(policy)));
      for (const Answer& answer : samples) summary.add_answer(policy, answer);
    }
    for (const TrainingRow& row : row_maker.make(prompt, all)) {
      summary.add_pair(row.dropped);
      if (!row.dropped) training_file.append(row.json);
    }
  }
  for (auto& [policy, file] : policy_files) file.commit();
  training_file.commit();
  Json json = summary.to_json();
  if (!has_rejected_policy(options.strategy)) json.erase("rejected");
  row_maker.complete(json);
  write_json_file(out / "summary.json", json);
  return summary;
}

}  // namespace retmask::synthesize
