#pragma once
// The GPU's own way from sequences to tokens: a step's draws feed the next step where they are, and
// the host reads them one step behind, while the GPU is at work on the next. A sequence that turns
// out to have ended has then been given one token too many, which nobody reads.

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
  CudaStepExecutor(const CausalLm& model,
                   const BlockPool& pool,
                   const StepExecutorOptions& options);
  ~CudaStepExecutor() override;

  void forward(std::deque<Sequence>& sequences, const std::vector<PrefillChunk>& chunks) override;
  std::vector<DrawnToken> draw(std::deque<Sequence>& sequences,
                               const std::vector<int64_t>& logits_row) override;

 private:
  // The draws of one step on their way to the host.
  struct PendingDraws {
    std::vector<uint64_t> sequences;            // in ascending order
    std::vector<int64_t> places;                // of each in the outputs
    std::vector<torch::Tensor> prompt_keys;     // largest keys of those that have just begun
    torch::Tensor ids, logprobs, largest_keys;  // page-locked, as in DecodeOutputs
    at::cuda::CUDAEvent arrived;
  };

  // Rows whose options the device's sampler does not know are drawn on the host, which then waits
  // for each of their steps.
  bool is_drawn_on_device(const Sequence& sequence) const;
  void decode(std::deque<Sequence>& sequences);
  // Of sequences whose prompt has just been read.
  void draw_first_tokens(const std::vector<Sequence*>& sequences,
                         const std::vector<int64_t>& logits_rows);
  DrawnToken draw_on_host(Sequence& sequence, const torch::Tensor& logits);
  void add_to_flight(Sequence& sequence, int64_t place);
  void send();
  // The tokens of the step before.
  void collect(std::deque<Sequence>& sequences, std::vector<DrawnToken>& drawn);

  const CausalLm& model_;
  const StepExecutorOptions options_;
  // Everything of a run goes to this stream: a step can only be recorded on one of its own.
  const c10::cuda::CUDAStream stream_;
  const c10::cuda::CUDAStreamGuard guard_;
  ModelRunner prefill_;
  DecodeInputs inputs_;
  DecodeOutputs outputs_;
  DecodeGraphs graphs_;
  Sampler sampler_;

  std::array<PendingDraws, 2> pending_draws_;
  size_t current_ = 0;  // the draws of this step
  // Between forward() and draw():
  size_t num_sequences_ = 0;            // that there were
  std::vector<size_t> decoded_;         // those of them that wanted a token
  ModelRunner::Result prompts_result_;  // logits on the GPU
};

}  // namespace retmask
