#pragma once
// Log-probs of given tokens from hidden states: lm_head, log-softmax and gather in chunks of rows,
// forward and backward, so that [n, vocab_size] logits never exist at once.

#include <torch/types.h>

namespace retmask {

// hidden [n, hidden_size] times weight [vocab_size, hidden_size]^T; targets [n] int64. Returns log
// softmax(logits)[target], [n] float32, with gradients for hidden and weight. The backward pass
// recomputes the logits: four products instead of three, and n * vocab_size fewer values kept.
torch::Tensor head_logprobs(const torch::Tensor& hidden,
                            const torch::Tensor& weight,
                            const torch::Tensor& targets);

// The slow reference: materialises all logits.
torch::Tensor head_logprobs_reference(const torch::Tensor& hidden,
                                      const torch::Tensor& weight,
                                      const torch::Tensor& targets);

// logits [n, vocab_size] -> log softmax(logits)[target], [n] float32, without gradients.
torch::Tensor gather_logprobs(const torch::Tensor& logits, const torch::Tensor& targets);

}  // namespace retmask
