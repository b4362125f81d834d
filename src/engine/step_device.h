#pragma once
// The device of a pipelined step executor: it queues work, which runs in order while the host goes
// on. Tensors that a call returns are valid on the device in the order of the queue; the host may
// read only what wait() and read() return.

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "model_runner.h"
#include "running.h"

namespace retmask {

// Outputs of a step.
struct DecodeOutputs {
  torch::Tensor logits;        // [max_rows, vocab_size] float32
  torch::Tensor ids;           // [2 * max_rows] int64: decoding rows, then finished prompts
  torch::Tensor logprobs;      // [2 * max_rows] float64
  torch::Tensor largest_keys;  // [L, max_rows, H] int64; only with a probe
};

DecodeOutputs make_decode_outputs(const ModelConfig& config,
                                  int64_t max_rows,
                                  bool probe,
                                  torch::Device device);

// Sampling parameters per row of logits.
struct DeviceDraws {
  torch::Tensor uniforms, inverse_temperatures, top_p, min_p;  // [n] float64
  torch::Tensor top_k;                                         // [n] int64
};

class StepDevice {
 public:
  virtual ~StepDevice() = default;

  virtual const DecodeOutputs& outputs() const = 0;

  // Queues a decoding step: row i of the outputs belongs to sequences[i]. sources[i] and
  // on_device[i]: as in DecodeInputs::stage.
  virtual void decode(const std::vector<Sequence*>& sequences,
                      const std::vector<int64_t>& sources,
                      const std::vector<bool>& on_device) = 0;
  // Queues the prefill of chunks.
  virtual ModelRunner::Result prefill(const std::vector<PrefillChunk>& chunks) = 0;
  // Queues the sampling of logits [n, vocab_size] into outputs [first_place, first_place + n).
  virtual void sample(const torch::Tensor& logits,
                      const DeviceDraws& draws,
                      int64_t first_place) = 0;
  // Queues a copy of ids, log-probs and largest keys to buffer `slot` (0 or 1) of the host, and an
  // event.
  virtual void send(size_t slot) = 0;
  // Waits for the event of the last send(slot). Logits are undefined.
  virtual const DecodeOutputs& wait(size_t slot) = 0;
  // Waits for all queued work and copies a tensor to the CPU.
  virtual torch::Tensor read(const torch::Tensor& tensor) = 0;
};

}  // namespace retmask
