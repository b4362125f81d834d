#pragma once
// Step executor for any device that samples on the host: a token is known at the end of its step.

#include "model_runner.h"
#include "step_executor.h"

namespace retmask {

// Samples the next token of the sequence from its logits [vocab_size] on the CPU.
SampledToken sample_on_host(Sampler& sampler,
                            Sequence& sequence,
                            const float* logits,
                            int64_t vocab_size);

class HostStepExecutor : public StepExecutor {
 public:
  HostStepExecutor(const InferenceLm& model,
                   const BlockPool& pool,
                   const StepExecutorOptions& options);

  void forward(std::deque<Sequence>& sequences, const std::vector<PrefillChunk>& chunks) override;
  std::vector<DrawnToken> draw(std::deque<Sequence>& sequences,
                               const std::vector<int64_t>& logits_row) override;

 private:
  const StepExecutorOptions options_;
  ModelRunner runner_;
  ModelRunner::Result result_;
};

}  // namespace retmask
