#pragma once
// Step executor that keeps sampling on the GPU: the tokens sampled in a step feed the next one in
// device memory, and the host reads them one step later, while the GPU runs the next. A sequence
// that has ended by then has been given one extra token, which is discarded.

#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/torch.h>

#include <array>
#include <vector>

#include "decode_graphs.h"
#include "decode_inputs.h"
#include "model_runner.h"
#include "step_executor.h"

namespace retmask {

class CudaStepExecutor : public StepExecutor {
 public:
  CudaStepExecutor(const InferenceLm& model,
                   const BlockPool& pool,
                   const StepExecutorOptions& options);
  ~CudaStepExecutor() override;

  void forward(std::deque<Sequence>& sequences, const std::vector<PrefillChunk>& chunks) override;
  std::vector<DrawnToken> draw(std::deque<Sequence>& sequences,
                               const std::vector<int64_t>& logits_row) override;

 private:
  // Tokens of one step that are being copied to the host.
  struct PendingDraws {
    std::vector<uint64_t> sequences;            // in ascending order
    std::vector<int64_t> places;                // their index in the outputs
    std::vector<torch::Tensor> prompt_keys;     // largest keys of those just started
    torch::Tensor ids, logprobs, largest_keys;  // page-locked, as in DecodeOutputs
    at::cuda::CUDAEvent arrived;
  };

  // Sequences with options that the GPU sampler does not support are sampled on the host, which
  // then waits for every one of their steps.
  bool is_drawn_on_device(const Sequence& sequence) const;
  void decode(std::deque<Sequence>& sequences);
  // Samples the first token of sequences whose prefill just ended.
  void draw_first_tokens(const std::vector<Sequence*>& sequences,
                         const std::vector<int64_t>& logits_rows);
  DrawnToken draw_on_host(Sequence& sequence, const torch::Tensor& logits);
  void add_to_flight(Sequence& sequence, int64_t place);
  void send();
  // The tokens of the previous step.
  void collect(std::deque<Sequence>& sequences, std::vector<DrawnToken>& drawn);

  const InferenceLm& model_;
  const StepExecutorOptions options_;
  // All work of a run goes to this stream: graph capture needs a non-default one.
  const c10::cuda::CUDAStream stream_;
  const c10::cuda::CUDAStreamGuard guard_;
  ModelRunner prefill_;
  DecodeInputs inputs_;
  DecodeOutputs outputs_;
  DecodeGraphs graphs_;
  Sampler sampler_;

  std::array<PendingDraws, 2> pending_draws_;
  size_t current_ = 0;  // index of this step in pending_draws_
  // Between forward() and draw():
  size_t num_sequences_ = 0;            // passed to forward()
  std::vector<size_t> decoded_;         // those that wanted a token
  ModelRunner::Result prompts_result_;  // logits on the GPU
};

}  // namespace retmask
