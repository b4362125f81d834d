#pragma once
// Answers from an OpenAI-compatible server, which applies its own chat template and tokenizer.

#include "retmask/endpoint/chat_client.h"
#include "retmask/synthesize/answerer.h"
#include "retmask/synthesize/model_answerer.h"

namespace retmask::synthesize {

class EndpointAnswerer : public Answerer {
 public:
  // `decoding.batch_size` is ignored: the server does its own batching. `template_variables` are
  // sent to the server. Throws UserError.
  EndpointAnswerer(const endpoint::Options& server,
                   DecodingOptions decoding,
                   Json template_variables);

  // Each request carries a seed derived from decoding.seed and AnswerTask::name(), so answers are
  // reproducible on a server that honours seeds. Throws UserError and endpoint::EndpointFailure.
  void answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) override;

 private:
  endpoint::ChatRequest request(const AnswerTask& task) const;

  endpoint::ChatClient client_;
  DecodingOptions decoding_;
  Json template_variables_;
  bool logprobs_;  // request log-probs
};

}  // namespace retmask::synthesize
