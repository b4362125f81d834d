#pragma once
// Model FLOPs utilization: the operations of a training step, and the device's peak.

#include <torch/types.h>

#include <cstdint>
#include <vector>

#include "retmask/model/config.h"
#include "retmask/train/batches.h"
#include "retmask/train/examples.h"

namespace retmask::train {

// Floating-point operations of the forward and backward pass, counted as in Chowdhery et al. 2022
// (PaLM), appendix B: 6 N + 12 L H Q T per token, with N weights, L layers, H heads, head size Q
// and attention length T. Here T is the sequence's own length (no padding), capped at the window in
// layers with a sliding window; N excludes the embedding, which is a lookup; and lm_head's weights
// count for scored tokens only, because no others go through it. Recomputed activations are not
// counted.
class TrainingFlops {
 public:
  explicit TrainingFlops(const ModelConfig& config);

  double of_sequence(int64_t tokens, int64_t scored_tokens) const;
  // Sum over the one or two sequences of each row.
  double of_rows(const std::vector<TrainingExample>& examples, const RowIndices& rows) const;

 private:
  const ModelConfig config_;
  double body_weights_ = 0;
  double head_weights_ = 0;
};

// Operations per second of a square matrix product as training computes it in `dtype`
// (widens_products), the best of several: the reference for utilization. Takes a fraction of a
// second.
double measure_peak_flops(torch::Device device, torch::ScalarType dtype);

}  // namespace retmask::train
