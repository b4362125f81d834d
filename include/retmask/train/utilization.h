#pragma once
// What a training step asks of the machine, and what the machine can do.

#include <torch/torch.h>

#include <cstdint>
#include <vector>

#include "retmask/model/config.h"
#include "retmask/train/batches.h"
#include "retmask/train/examples.h"

namespace retmask::train {

// Floating-point operations of forward and backward, as Chowdhery et al. 2022 (PaLM), appendix B,
// counts them for model FLOPs utilization: per token 6 N + 12 L H Q T. N are the weights that the
// token is multiplied with, L layers, H heads, Q the head's size, T the length of attention. Here T
// is a sequence's own length (no padding), at most the window in a layer with a sliding window; N
// is without the embedding, a look-up; and the head's weights (lm_head) count for scored tokens
// alone, because no others go through it. Recomputation of activations is not counted.
class TrainingFlops {
 public:
  explicit TrainingFlops(const ModelConfig& config);

  double of_sequence(int64_t tokens, int64_t scored_tokens) const;
  // Of the one or two sequences of each row.
  double of_rows(const std::vector<TrainingExample>& examples, const RowIndices& rows) const;

 private:
  const ModelConfig config_;
  double body_weights_ = 0;
  double head_weights_ = 0;
};

// Operations per second of a square matrix product in `dtype`, the fastest of a few: what
// utilization is measured against. Takes a fraction of a second.
double measure_peak_flops(torch::Device device, torch::ScalarType dtype);

// The most memory that was in use since the start: this process' on a CPU, the allocator's tensors
// on a GPU. Bytes.
int64_t peak_memory_bytes(torch::Device device);

}  // namespace retmask::train
