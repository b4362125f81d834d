#pragma once
// A GPU as the device of a pipelined step executor: a stream, its events and CUDA graphs.

#include <ATen/cuda/CUDAEvent.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/types.h>

#include <array>
#include <vector>

#include "decode_graphs.h"
#include "decode_inputs.h"
#include "step_device.h"
#include "step_executor.h"

namespace retmask {

class CudaStepDevice : public StepDevice {
 public:
  CudaStepDevice(const InferenceLm& model,
                 const BlockPool& pool,
                 const StepExecutorOptions& options);
  ~CudaStepDevice() override;

  const DecodeOutputs& outputs() const override { return outputs_; }
  void decode(const std::vector<Sequence*>& sequences,
              const std::vector<int64_t>& sources,
              const std::vector<bool>& on_device) override;
  ModelRunner::Result prefill(const std::vector<PrefillChunk>& chunks) override;
  void sample(const torch::Tensor& logits, const DeviceDraws& draws, int64_t first_place) override;
  void send(size_t slot) override;
  const DecodeOutputs& wait(size_t slot) override;
  torch::Tensor read(const torch::Tensor& tensor) override { return tensor.cpu(); }

 private:
  struct Sent {
    DecodeOutputs host;  // page-locked
    at::cuda::CUDAEvent arrived;
  };

  const StepExecutorOptions options_;
  // All work of a run goes to this stream: graph capture needs a non-default one.
  const c10::cuda::CUDAStream stream_;
  const c10::cuda::CUDAStreamGuard guard_;
  ModelRunner prefill_;
  DecodeInputs inputs_;
  DecodeOutputs outputs_;
  DecodeGraphs graphs_;
  std::array<Sent, 2> sent_;
};

}  // namespace retmask
