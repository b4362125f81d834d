#pragma once
// Answers from a local checkpoint. One set of weights serves all policies in one batch.

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/engine/generator.h"
#include "retmask/model/heads.h"
#include "retmask/model/inference.h"
#include "retmask/synthesize/answerer.h"
#include "retmask/synthesize/prompt_encoder.h"
#include "retmask/tokenizer/stop_strings.h"

namespace retmask::synthesize {

struct DecodingOptions {
  SamplingParams sampling{.temperature = 0.6, .top_p = 1.0, .top_k = 0};
  int64_t max_new_tokens = 4096;
  int64_t batch_size = 64;   // concurrent sequences over all policies
  int64_t kv_cache_mib = 0;  // size of the KV cache; 0: see GeneratorOptions
  uint64_t seed = 0;         // together with AnswerTask::name() the only source of randomness
  std::vector<std::string> stop = {};  // stop strings; not part of the answer
  bool logprobs = false;               // record Answer::token_logprobs

  // Throws UserError.
  void validate() const;

  // batch_size and kv_cache_mib.
  GeneratorOptions generator_options() const;
};

// Policies a checkpoint answers for, each with its masked heads.
using PolicyHeads = std::map<Policy, std::vector<Head>>;

class ModelAnswerer : public Answerer {
 public:
  // `encoder` must be the one of the model's folder. `model`, `encoder` and `masked_heads` must
  // outlive this object. `generation` overrides decoding.generator_options().
  ModelAnswerer(const InferenceLm& model,
                const PromptEncoder& encoder,
                const PolicyHeads& masked_heads,
                std::vector<int64_t> stop_ids,
                DecodingOptions decoding,
                GeneratorOptions generation);

  // Consecutive tasks of one prompt share its prefill. Answers are independent of each other.
  void answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) override;

 private:
  GenerationRequest request(const std::vector<AnswerTask>& tasks,
                            size_t begin,
                            size_t end,
                            std::vector<int64_t> prompt) const;
  Answer to_answer(const GenerationResult& result) const;

  const InferenceLm& model_;
  const PromptEncoder& encoder_;
  const PolicyHeads& masked_heads_;
  std::vector<int64_t> stop_ids_;
  DecodingOptions options_;
  GeneratorOptions generation_;
  StopStrings stop_strings_;
};

}  // namespace retmask::synthesize
