#include "cuda_step_device.h"

#include <algorithm>

#include "host_step_executor.h"
#include "pipelined_step_executor.h"

namespace retmask {
namespace {

torch::Tensor page_locked_like(const torch::Tensor& tensor) {
  return tensor.defined() ? torch::zeros_like(tensor, torch::kCPU).pin_memory() : tensor;
}

c10::cuda::CUDAStream private_stream(torch::Device device) {
  // The weights may still be copied on another stream.
  c10::cuda::device_synchronize();
  return c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index());
}

}  // namespace

std::unique_ptr<StepExecutor> make_step_executor(const InferenceLm& model,
                                                 const BlockPool& pool,
                                                 const StepExecutorOptions& options) {
  if (!model.has_decode() || options.on_rows != nullptr)
    return std::make_unique<HostStepExecutor>(model, pool, options);
  return std::make_unique<PipelinedStepExecutor>(
      model, options, std::make_unique<CudaStepDevice>(model, pool, options));
}

CudaStepDevice::CudaStepDevice(const InferenceLm& model,
                               const BlockPool& pool,
                               const StepExecutorOptions& options)
    : options_(options),
      stream_(private_stream(model.device())),
      guard_(stream_),
      prefill_(model, pool),
      inputs_(model, options.max_rows),
      outputs_(
          make_decode_outputs(model.config(), options.max_rows, options.probe, model.device())),
      graphs_(model, pool, inputs_, outputs_, options.cuda_graphs) {
  for (Sent& sent : sent_) {
    sent.host.ids = page_locked_like(outputs_.ids);
    sent.host.logprobs = page_locked_like(outputs_.logprobs);
    sent.host.largest_keys = page_locked_like(outputs_.largest_keys);
  }
}

// The last step may still be running on memory that is about to be freed.
CudaStepDevice::~CudaStepDevice() { C10_CUDA_CHECK_WARN(cudaStreamSynchronize(stream_)); }

void CudaStepDevice::decode(const std::vector<Sequence*>& sequences,
                            const std::vector<int64_t>& sources,
                            const std::vector<bool>& on_device) {
  int64_t longest = 0;
  for (const Sequence* sequence : sequences) longest = std::max(longest, sequence->past() + 1);
  const int64_t padded = padded_rows(static_cast<int64_t>(sequences.size()), options_.max_rows);
  inputs_.upload(inputs_.stage(sequences, sources, on_device, padded));
  graphs_.step(padded, longest);
}

ModelRunner::Result CudaStepDevice::prefill(const std::vector<PrefillChunk>& chunks) {
  return prefill_.run(/*sequences=*/{}, chunks, options_.probe, options_.times);
}

void CudaStepDevice::sample(const torch::Tensor& logits,
                            const DeviceDraws& draws,
                            int64_t first_place) {
  sample_on_device(logits,
                   draws,
                   outputs_.ids.narrow(0, first_place, logits.size(0)),
                   outputs_.logprobs.narrow(0, first_place, logits.size(0)));
}

void CudaStepDevice::send(size_t slot) {
  Sent& sent = sent_[slot];
  sent.host.ids.copy_(outputs_.ids, /*non_blocking=*/true);
  sent.host.logprobs.copy_(outputs_.logprobs, /*non_blocking=*/true);
  if (options_.probe) sent.host.largest_keys.copy_(outputs_.largest_keys, /*non_blocking=*/true);
  sent.arrived.record(stream_);
}

const DecodeOutputs& CudaStepDevice::wait(size_t slot) {
  sent_[slot].arrived.synchronize();
  return sent_[slot].host;
}

}  // namespace retmask
