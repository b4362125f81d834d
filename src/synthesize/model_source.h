#pragma once
// A local checkpoint whose weights are not loaded yet.

#include <filesystem>

#include "answer_sources.h"
#include "retmask/checkpoint/checkpoint.h"
#include "retmask/model/config.h"

namespace retmask::synthesize {

class ModelSource : public AnswerSource {
 public:
  // Starts without policies. `options` must outlive this object. Throws UserError.
  ModelSource(const std::filesystem::path& dir, const Options& options);

  void add_policy(Policy policy) { masked_heads_[policy] = {}; }
  // Throws UserError if the mask is empty or made for another model.
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
