#pragma once
// A checkpoint on this machine, opened but for its weights.

#include <filesystem>

#include "answer_sources.h"
#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/config.h"

namespace retmask::synthesize {

class ModelSource : public AnswerSource {
 public:
  // Answers for no policy yet. `options` outlive this object. Throws UserError.
  ModelSource(const std::filesystem::path& dir, const Options& options);

  void add_policy(Policy policy) { masked_heads_[policy] = {}; }
  // Throws UserError for a mask without heads and one for another model.
  void add_masked_policy(Policy policy, const std::filesystem::path& mask);

  std::vector<Policy> policies() const override;
  std::unique_ptr<Answerer> open(const std::vector<AnswerTask>& tasks) const override;

 private:
  GeneratorOptions generator_options(const std::vector<AnswerTask>& tasks) const;

  const Options& options_;
  Checkpoint checkpoint_;
  ModelConfig config_;
  PromptEncoder encoder_;
  std::vector<int64_t> stop_ids_;
  PolicyHeads masked_heads_;
};

}  // namespace retmask::synthesize
