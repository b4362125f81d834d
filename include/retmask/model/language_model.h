#pragma once
// Base of a model's training form (CausalLm) and its inference form (InferenceLm).

#include <torch/types.h>

#include <cstdint>

#include "retmask/model/attention.h"
#include "retmask/model/config.h"

namespace retmask {

class LanguageModel {
 public:
  virtual ~LanguageModel() = default;

  virtual const ModelConfig& config() const = 0;
  virtual torch::Device device() const = 0;  // where forward() computes
  virtual torch::ScalarType dtype() const = 0;

  // The last layer's hidden states after the final norm: [T, hidden_size].
  virtual torch::Tensor forward(const PackedBatch& batch) const = 0;
  // hidden [n, hidden_size] -> [n, vocab_size]
  virtual torch::Tensor logits(const torch::Tensor& hidden) const = 0;
  // log softmax(logits(hidden))[targets]: hidden [n, hidden_size], targets [n] int64 -> [n]
  // float32. Computed in chunks, so that [n, vocab_size] logits never exist at once.
  virtual torch::Tensor target_logprobs(const torch::Tensor& hidden,
                                        const torch::Tensor& targets) const = 0;
};

// Logit rows that target_logprobs holds in memory at once. With each chunk the backward pass reads
// and writes the gradient of the whole head, so a GPU has longer ones: by arithmetic, with
// Llama-3's head (1 GB in bfloat16) and 8,192 tokens, 8 GB of traffic in place of 34, 7.6 ms
// at 3.35 TB/s.
int64_t head_chunk_rows(int64_t vocab_size, torch::ScalarType dtype, torch::Device device);

// Whether training multiplies float32 copies of factors of `dtype`: bfloat16 on a processor that
// multiplies float32 faster (kernels::multiplies_bfloat16).
bool widens_products(torch::ScalarType dtype, torch::Device device);

}  // namespace retmask
