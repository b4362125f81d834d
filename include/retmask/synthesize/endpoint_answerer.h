#pragma once
// Answers from an OpenAI-compatible server, which applies its own chat template and tokenizer.

#include "retmask/endpoint/chat_client.h"
#include "retmask/synthesize/answerer.h"
#include "retmask/synthesize/model_answerer.h"

namespace retmask::synthesize {

class EndpointAnswerer : public Answerer {
 public:
  // `decoding.batch_size` is the server's own affair. `template_variables` are passed on to it.
  // Throws UserError.
  EndpointAnswerer(const endpoint::Options& server,
                   DecodingOptions decoding,
                   Json template_variables);

  // Each request carries a seed made of decoding.seed and AnswerTask::name(), so that a server
  // which honours seeds answers alike each time. Throws UserError and endpoint::EndpointFailure.
  void answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) override;

 private:
  endpoint::ChatRequest request(const AnswerTask& task) const;

  endpoint::ChatClient client_;
  DecodingOptions decoding_;
  Json template_variables_;
  bool logprobs_;  // ask for them
};

}  // namespace retmask::synthesize
