#pragma once
// Step executor that keeps sampling on the device: the tokens sampled in a step feed the next one
// in device memory, and the host reads them one step later, while the device runs the next. A
// sequence that has ended by then has been given one extra token, which is discarded.

#include <torch/types.h>

#include <array>
#include <memory>
#include <vector>

#include "step_device.h"
#include "step_executor.h"

namespace retmask {

class PipelinedStepExecutor : public StepExecutor {
 public:
  PipelinedStepExecutor(const InferenceLm& model,
                        const StepExecutorOptions& options,
                        std::unique_ptr<StepDevice> device);

  void forward(std::deque<Sequence>& sequences, const std::vector<PrefillChunk>& chunks) override;
  std::vector<DrawnToken> draw(std::deque<Sequence>& sequences,
                               const std::vector<int64_t>& logits_row) override;

 private:
  // Tokens of one step that are being copied to the host.
  struct PendingDraws {
    std::vector<uint64_t> sequences;         // in ascending order
    std::vector<int64_t> places;             // their index in the outputs
    std::vector<torch::Tensor> prompt_keys;  // largest keys of those just started
  };

  // Sequences with options that the device sampler does not support are sampled on the host, which
  // then waits for every one of their steps.
  bool is_drawn_on_device(const Sequence& sequence) const;
  void decode(std::deque<Sequence>& sequences);
  // Samples the first token of sequences whose prefill just ended.
  void draw_first_tokens(const std::vector<Sequence*>& sequences,
                         const std::vector<int64_t>& logits_rows);
  DrawnToken draw_on_host(Sequence& sequence, const torch::Tensor& logits);
  void add_to_flight(Sequence& sequence, int64_t place);
  // The tokens of the previous step.
  void collect(std::deque<Sequence>& sequences, std::vector<DrawnToken>& drawn);

  const InferenceLm& model_;
  const StepExecutorOptions options_;
  const std::unique_ptr<StepDevice> device_;
  Sampler sampler_;

  std::array<PendingDraws, 2> pending_draws_;
  size_t current_ = 0;  // index of this step in pending_draws_
  // Between forward() and draw():
  size_t num_sequences_ = 0;            // passed to forward()
  std::vector<size_t> decoded_;         // those that wanted a token
  ModelRunner::Result prompts_result_;  // logits on the device
};

}  // namespace retmask
