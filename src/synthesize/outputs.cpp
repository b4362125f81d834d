#include "outputs.h"

#include "retmask/base/file.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

// What the reference writes as "synthesis_model".
std::string model_name(const Options& options, Policy policy) {
  if (policy == Policy::chosen) return options.model.string();
  if (!options.rejected_model.empty()) return options.rejected_model.string();
  return options.model.string() + " masked by " + options.mask.string();
}

// A run that was killed while it wrote may have left gigabytes.
fs::path without_leftovers(const fs::path& path) {
  remove_leftovers(path);
  return path;
}

class Outputs {
 public:
  Outputs(const Options& options, const fs::path& out)
      : options_(options),
        chosen_(without_leftovers(out / "chosen.jsonl.gz")),
        rejected_(without_leftovers(out / "rejected.jsonl.gz")),
        pairs_(without_leftovers(out / "pairs.jsonl")) {}

  void add(const Prompt& prompt,
           const std::vector<Answer>& chosen,
           const std::vector<Answer>& rejected) {
    chosen_.append(reference_row(prompt, chosen, model_name(options_, Policy::chosen)));
    rejected_.append(reference_row(prompt, rejected, model_name(options_, Policy::rejected)));
    for (size_t i = 0; i < chosen.size(); ++i) {
      summary_.add_answer(Policy::chosen, chosen[i]);
      summary_.add_answer(Policy::rejected, rejected[i]);
      const auto dropped = drop_reason(prompt, chosen[i], rejected[i], options_.pairs);
      summary_.add_pair(dropped);
      if (!dropped)
        pairs_.append(pair_row(prompt, static_cast<int64_t>(i), chosen[i], rejected[i]));
    }
  }

  void commit() {
    chosen_.commit();
    rejected_.commit();
    pairs_.commit();
  }

  Summary& summary() { return summary_; }

 private:
  const Options& options_;
  JsonLinesWriter chosen_;
  JsonLinesWriter rejected_;
  JsonLinesWriter pairs_;
  Summary summary_;
};

// The answers of one policy as they are handed on.
class FinalAnswers {
 public:
  FinalAnswers(Policy policy, const Options& options, const AnswerSource& answers)
      : policy_(policy), options_(options), answers_(answers) {
    if (options.thinking != Thinking::strip) return;
    const bool other = policy == Policy::rejected && !options.rejected_model.empty();
    opened_by_prompt_ = prompt_opens_thinking(other ? options.rejected_model : options.model,
                                              options.render_variables());
  }

  std::vector<Answer> to(const Prompt& prompt) const {
    std::vector<Answer> all;
    for (int64_t sample = 0; sample < options_.samples; ++sample) {
      Answer answer = answers_({.prompt = &prompt, .policy = policy_, .sample = sample});
      answer.runaway = is_runaway(answer, options_.pairs);  // thinking may loop too
      if (options_.thinking == Thinking::strip) strip_thinking(opened_by_prompt_, answer);
      all.push_back(std::move(answer));
    }
    return all;
  }

 private:
  Policy policy_;
  const Options& options_;
  const AnswerSource& answers_;
  bool opened_by_prompt_ = false;
};

}  // namespace

Summary write_outputs(const Options& options,
                      const PromptSet& set,
                      const AnswerSource& answers,
                      const fs::path& out) {
  Outputs outputs(options, out);
  outputs.summary().set_prompts(set);
  const FinalAnswers chosen(Policy::chosen, options, answers);
  const FinalAnswers rejected(Policy::rejected, options, answers);
  for (const Prompt& prompt : set.prompts) {
    outputs.add(prompt, chosen.to(prompt), rejected.to(prompt));
  }
  outputs.commit();
  write_json_file(out / "summary.json", outputs.summary().to_json());
  return outputs.summary();
}

}  // namespace retmask::synthesize
