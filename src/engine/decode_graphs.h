#pragma once
// The decoding step of a batch on the GPU, from the newest tokens to the sampled ones, as CUDA
// graphs: the hundreds of launches of a step are captured once per batch size and replayed
// together, so the GPU does not wait for the host between them.

#include <ATen/cuda/CUDAGraph.h>
#include <torch/types.h>

#include <cstdint>
#include <map>
#include <memory>
#include <tuple>

#include "block_pool.h"
#include "decode_inputs.h"
#include "retmask/model/inference.h"
#include "step_device.h"

namespace retmask {

// Samples rows of logits [n, vocab_size] float32 into ids [n] int64 and logprobs [n] float64 on the
// current stream.
void sample_on_device(const torch::Tensor& logits,
                      const DeviceDraws& draws,
                      torch::Tensor ids,
                      torch::Tensor logprobs);

class DecodeGraphs {
 public:
  // `replay` false: every step is launched without graphs, as a slow reference.
  DecodeGraphs(const InferenceLm& model,
               const BlockPool& pool,
               const DecodeInputs& inputs,
               const DecodeOutputs& outputs,
               bool replay);

  // Runs one step for the first `rows` rows of the inputs, a value of padded_rows(), on the current
  // stream, which must not be the default one. The longest sequence has `longest` keys.
  void step(int64_t rows, int64_t longest);

 private:
  int64_t splits_for(int64_t rows, int64_t longest) const;
  void launch(int64_t rows, int64_t splits);

  const InferenceLm& model_;
  const BlockPool& pool_;
  const DecodeInputs& inputs_;
  const DecodeOutputs& outputs_;
  const bool replay_;
  const int64_t multiprocessors_;
  // Temporary memory shared by all graphs: they never run concurrently.
  const at::cuda::MempoolId_t memory_;
  // By rows, splits, and whether a policy has means.
  std::map<std::tuple<int64_t, int64_t, bool>, std::unique_ptr<at::cuda::CUDAGraph>> graphs_;
};

}  // namespace retmask
