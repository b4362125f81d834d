#include "rounds.h"

#include "model_round.h"
#include "retmask/base/stop_signals.h"
#include "retmask/synthesize/endpoint_answerer.h"

namespace retmask::synthesize {
namespace {

class EndpointRound : public Round {
 public:
  EndpointRound(Policy policy, const endpoint::Options& server, const Options& options)
      : policy_(policy), server_(server), options_(options) {}

  std::vector<Policy> policies() const override { return {policy_}; }
  std::unique_ptr<Answerer> open(const std::vector<AnswerTask>& /*tasks*/) const override {
    return std::make_unique<EndpointAnswerer>(
        server_, options_.decoding, options_.render_variables());
  }

 private:
  Policy policy_;
  const endpoint::Options& server_;
  const Options& options_;
};

}  // namespace

std::vector<std::unique_ptr<Round>> open_rounds(const Options& options) {
  std::vector<std::unique_ptr<Round>> rounds;
  if (!options.model.empty()) {
    auto round = std::make_unique<ModelRound>(options.model, options);
    if (!options.chosen_server.given()) round->add_policy(Policy::chosen);
    if (!options.mask.empty()) round->add_masked_policy(Policy::rejected, options.mask);
    rounds.push_back(std::move(round));
  }
  if (options.chosen_server.given()) {
    rounds.push_back(
        std::make_unique<EndpointRound>(Policy::chosen, options.chosen_server, options));
  }
  if (!options.rejected_model.empty()) {
    auto round = std::make_unique<ModelRound>(options.rejected_model, options);
    round->add_policy(Policy::rejected);
    rounds.push_back(std::move(round));
  }
  if (options.rejected_server.given()) {
    rounds.push_back(
        std::make_unique<EndpointRound>(Policy::rejected, options.rejected_server, options));
  }
  return rounds;
}

std::vector<AnswerTask> unfinished_tasks(const Round& round,
                                         const std::vector<Prompt>& prompts,
                                         int64_t samples,
                                         const AnswerJournal& journal) {
  const std::vector<Policy> policies = round.policies();
  std::vector<AnswerTask> tasks;
  for (const Prompt& prompt : prompts) {
    stop_point();
    for (int64_t sample = 0; sample < samples; ++sample) {
      for (const Policy policy : policies) {
        const AnswerTask task{.prompt = &prompt, .policy = policy, .sample = sample};
        if (!journal.contains(task)) tasks.push_back(task);
      }
    }
  }
  return tasks;
}

}  // namespace retmask::synthesize
