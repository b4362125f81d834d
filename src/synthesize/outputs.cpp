#include "outputs.h"

#include "retmask/base/file.h"
#include "sources.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

bool is_remote(Policy policy, const Options& options) {
  const bool rejected = policy == Policy::rejected;
  return (rejected ? options.rejected_server : options.chosen_server).given();
}

// A server may ignore enable_thinking=false.
bool strips(Policy policy, const Options& options) {
  return options.thinking == Thinking::strip ||
         (options.thinking == Thinking::off && is_remote(policy, options));
}

// True if the template of the policy's checkpoint opens the thinking. Unknown for a server.
bool opened_by_prompt(Policy policy, const Options& options) {
  const bool rejected = policy == Policy::rejected;
  if (is_remote(policy, options)) return false;
  const bool other = rejected && !options.rejected_model.empty();
  return prompt_opens_thinking(other ? options.rejected_model : options.model,
                               options.render_variables());
}

}  // namespace

FinalAnswers::FinalAnswers(Policy policy, const Options& options, const AnswerLookup& answers)
    : policy_(policy), options_(options), answers_(answers) {
  if (strips(policy, options)) opened_by_prompt_ = opened_by_prompt(policy, options);
}

std::vector<Answer> FinalAnswers::to(const Prompt& prompt) const {
  std::vector<Answer> all;
  for (int64_t sample = 0; sample < options_.samples; ++sample) {
    Answer answer = answers_({.prompt = &prompt, .policy = policy_, .sample = sample});
    answer.runaway = is_runaway(answer, options_.pairs);  // thinking may loop too
    if (strips(policy_, options_)) strip_thinking(opened_by_prompt_, answer);
    all.push_back(std::move(answer));
  }
  return all;
}

JsonLinesWriter open_output(const fs::path& out, const char* name) {
  remove_leftovers(out / name);
  return JsonLinesWriter(out / name);
}

Summary write_outputs(const Options& options,
                      const PromptSet& set,
                      const AnswerLookup& answers,
                      const fs::path& out) {
  JsonLinesWriter chosen_file = open_output(out, "chosen.jsonl.gz");
  JsonLinesWriter rejected_file = open_output(out, "rejected.jsonl.gz");
  JsonLinesWriter pairs_file = open_output(out, "pairs.jsonl");
  const FinalAnswers chosen_answers(Policy::chosen, options, answers);
  const FinalAnswers rejected_answers(Policy::rejected, options, answers);
  Summary summary;
  summary.set_prompts(set);
  for (const Prompt& prompt : set.prompts) {
    const std::vector<Answer> chosen = chosen_answers.to(prompt);
    const std::vector<Answer> rejected = rejected_answers.to(prompt);
    chosen_file.append(reference_row(prompt, chosen, source_name(options, Policy::chosen)));
    rejected_file.append(reference_row(prompt, rejected, source_name(options, Policy::rejected)));
    for (size_t i = 0; i < chosen.size(); ++i) {
      summary.add_answer(Policy::chosen, chosen[i]);
      summary.add_answer(Policy::rejected, rejected[i]);
      const auto dropped = drop_reason(prompt, chosen[i], rejected[i], options.pairs);
      summary.add_pair(dropped);
      if (!dropped)
        pairs_file.append(pair_row(prompt, static_cast<int64_t>(i), chosen[i], rejected[i]));
    }
  }
  chosen_file.commit();
  rejected_file.commit();
  pairs_file.commit();
  write_json_file(out / "summary.json", summary.to_json());
  return summary;
}

}  // namespace retmask::synthesize
