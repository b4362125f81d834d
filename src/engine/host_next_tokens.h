#pragma once
// The model's step on any device, the draw on the host: a token is known at the end of its step.

#include "next_tokens.h"
#include "step.h"

namespace retmask {

// Draws the row's next token from its logits [vocab_size] on the CPU.
SampledToken sample_on_host(Sampler& sampler, Row& row, const float* logits, int64_t vocab_size);

class HostNextTokens : public NextTokens {
 public:
  HostNextTokens(const CausalLm& model, const BlockPool& pool, const NextTokensOptions& options);

  void forward(std::deque<Row>& rows, const std::vector<PromptPiece>& pieces) override;
  std::vector<DrawnToken> draw(std::deque<Row>& rows,
                               const std::vector<int64_t>& logits_row) override;

 private:
  const NextTokensOptions options_;
  StepRunner step_;
  StepRunner::Result result_;
};

}  // namespace retmask
