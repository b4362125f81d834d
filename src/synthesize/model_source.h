#pragma once
// Answers from a local checkpoint. One set of weights serves all of its policies in one batch.

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/engine/generator.h"
#include "retmask/model/heads.h"
#include "retmask/model/inference.h"
#include "retmask/synthesize/answers.h"
#include "retmask/synthesize/prompts.h"
#include "retmask/tokenizer/stop_strings.h"

namespace retmask::synthesize {

class ModelSource : public AnswerSource {
 public:
  // Opens config, tokenizer, template and masks, so that errors show before the first answer; the
  // weights are left to load(). `options` must outlive this object. Throws UserError, also for a
  // mask that is empty or was made for another model.
  ModelSource(const Source& source, const ResolvedOptions& options);

  void load(const std::vector<AnswerTask>& tasks) override;

  // Consecutive tasks of one prompt share its prefill.
  void answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) override;

  std::optional<MemoryUse> memory_use() const override;

 private:
  struct Loaded {
    InferenceLm model;
    GeneratorOptions generation;
    MemoryBudget budget;
  };

  GeneratorOptions generator_options(const std::vector<AnswerTask>& tasks) const;
  bool fits(const std::vector<int64_t>& prompt) const;
  GenerationRequest request(const std::vector<AnswerTask>& tasks,
                            size_t begin,
                            size_t end,
                            std::vector<int64_t> prompt) const;
  Answer to_answer(const GenerationResult& result) const;

  const ResolvedOptions& options_;
  Checkpoint checkpoint_;
  ModelConfig config_;
  PromptEncoder encoder_;
  StopStrings stop_strings_;
  std::vector<int64_t> stop_ids_;
  std::map<Policy, HeadMask> masked_heads_;
  std::optional<Loaded> loaded_;
};

}  // namespace retmask::synthesize
