#pragma once
// Answers from an OpenAI-compatible server, which applies its own chat template and tokenizer.

#include <optional>

#include "retmask/endpoint/chat_client.h"
#include "retmask/synthesize/answers.h"

namespace retmask::synthesize {

class EndpointSource : public AnswerSource {
 public:
  // Both must outlive this object.
  EndpointSource(const Source& source, const ResolvedOptions& options)
      : server_(source.server), options_(options) {}

  // Reads the API key.
  void load(const std::vector<AnswerTask>& tasks) override;

  // Each request carries a seed derived from decoding.seed and AnswerTask::name(), so answers are
  // reproducible on a server that honours seeds. decoding.batch_size is ignored: the server does
  // its own batching. Throws UserError and endpoint::EndpointFailure.
  void answer(const std::vector<AnswerTask>& tasks, const AnswerVisitor& on_answer) override;

 private:
  endpoint::ChatRequest request(const AnswerTask& task) const;

  const endpoint::Options& server_;
  const ResolvedOptions& options_;
  std::optional<endpoint::ChatClient> client_;  // from load()
};

}  // namespace retmask::synthesize
