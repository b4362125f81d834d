#include "answer_sources.h"

#include "endpoint_answerer.h"
#include "model_source.h"
#include "retmask/base/stop_signals.h"

namespace retmask::synthesize {
namespace {

class EndpointSource : public AnswerSource {
 public:
  EndpointSource(Policy policy, const endpoint::Options& server, const Options& options)
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

std::vector<std::unique_ptr<AnswerSource>> open_answer_sources(const Options& options) {
  std::vector<std::unique_ptr<AnswerSource>> sources;
  if (!options.model.empty()) {
    auto source = std::make_unique<ModelSource>(options.model, options);
    if (!options.chosen_server.given()) source->add_policy(Policy::chosen);
    if (!options.mask.empty()) source->add_masked_policy(Policy::rejected, options.mask);
    sources.push_back(std::move(source));
  }
  if (options.chosen_server.given()) {
    sources.push_back(
        std::make_unique<EndpointSource>(Policy::chosen, options.chosen_server, options));
  }
  if (!options.rejected_model.empty()) {
    auto source = std::make_unique<ModelSource>(options.rejected_model, options);
    source->add_policy(Policy::rejected);
    sources.push_back(std::move(source));
  }
  if (options.rejected_server.given()) {
    sources.push_back(
        std::make_unique<EndpointSource>(Policy::rejected, options.rejected_server, options));
  }
  return sources;
}

std::vector<AnswerTask> unfinished_tasks(const AnswerSource& source,
                                         const std::vector<Prompt>& prompts,
                                         int64_t samples,
                                         const AnswerJournal& journal) {
  const std::vector<Policy> policies = source.policies();
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
