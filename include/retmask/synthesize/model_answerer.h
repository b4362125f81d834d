#pragma once
// Answers from a checkpoint on this machine. One set of weights serves every policy in one batch.

#include <torch/torch.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "retmask/checkpoint/checkpoint.h"
#include "retmask/engine/generator.h"
#include "retmask/model/heads.h"
#include "retmask/model/model.h"
#include "retmask/synthesize/answerer.h"
#include "retmask/synthesize/prompt_encoder.h"
#include "retmask/tokenizer/stop_strings.h"

namespace retmask::synthesize {

struct DecodingOptions {
  SamplingParams sampling{.temperature = 0.6, .top_p = 1.0, .top_k = 0};
  int64_t max_new_tokens = 4096;
  int64_t batch_size = 64;   // sequences that run at once, of all policies
  int64_t kv_cache_mib = 0;  // memory for their keys and values; 0: as GeneratorOptions says
  uint64_t seed = 0;         // with AnswerTask::name() the only source of randomness
  std::vector<std::string> stop = {};  // texts that end an answer, which is cut before them
  bool logprobs = false;               // keep the log-prob of each token: Answer::token_logprobs

  // Throws UserError.
  void validate() const;

  // batch_size and kv_cache_mib.
  GeneratorOptions generator_options() const;
};

// The policies that a checkpoint answers for and the heads that are off in each.
using PolicyHeads = std::map<Policy, std::vector<Head>>;

class ModelAnswerer : public Answerer {
 public:
  // `encoder` is that of the model's folder; model, encoder and heads outlive this object.
  // `generation` takes the place of decoding's own generator_options().
  ModelAnswerer(const CausalLm& model,
                const PromptEncoder& encoder,
                const PolicyHeads& masked_heads,
                std::vector<int64_t> stop_ids,
                DecodingOptions decoding,
                GeneratorOptions generation);

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
  GeneratorOptions generation_;
  StopStrings stop_strings_;
};

}  // namespace retmask::synthesize
