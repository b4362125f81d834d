#pragma once
// Answers from a checkpoint on this machine. One set of weights serves every policy in one batch.

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <vector>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/engine/generator.h"
#include "retmask/model/heads.h"
#include "retmask/model/model.h"
#include "retmask/synthesize/answerer.h"
#include "retmask/synthesize/prompt_encoder.h"

namespace retmask::synthesize {

struct DecodingOptions {
  SamplingParams sampling{.temperature = 0.6, .top_p = 1.0, .top_k = 0};
  int64_t max_new_tokens = 4096;
  int64_t batch_size = 64;   // sequences that run at once, of all policies
  int64_t kv_cache_mib = 0;  // memory for their keys and values; 0: as GeneratorOptions says
  uint64_t seed = 0;         // with AnswerTask::name() the only source of randomness

  // Throws UserError.
  void validate() const;
};

// The policies that a checkpoint answers for and the heads that are off in each.
using PolicyHeads = std::map<Policy, std::vector<Head>>;

class ModelAnswerer : public Answerer {
 public:
  // `encoder` is that of the model's folder; model, encoder and heads outlive this object.
  ModelAnswerer(const CausalLm& model,
                const PromptEncoder& encoder,
                const PolicyHeads& masked_heads,
                std::vector<int64_t> stop_ids,
                DecodingOptions options);

  // Neighbouring tasks of one prompt share its prefill; an answer does not depend on the others.
  void answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) override;

 private:
  GenerationRequest request(const std::vector<AnswerTask>& tasks,
                            size_t begin,
                            size_t end,
                            std::vector<int64_t> prompt) const;
  Answer to_answer(const GenerationResult& result) const;

  const CausalLm& model_;
  const PromptEncoder& encoder_;
  const PolicyHeads& masked_heads_;
  std::vector<int64_t> stop_ids_;
  DecodingOptions options_;
};

}  // namespace retmask::synthesize
