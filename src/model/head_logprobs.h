#pragma once
// log p of given tokens from hidden states: the head's product, log-softmax and gather in chunks of
// rows, forward and backward, so that [n, vocab_size] logits never exist at once.

#include <torch/torch.h>

namespace retmask {

// hidden [n, hidden_size] times weight [vocab_size, hidden_size]^T; targets [n] int64. Returns
// log softmax(logits)[target], [n] float32, with gradients of hidden and weight. The backward pass
// computes the logits again: one more product in four, instead of n * vocab_size numbers kept.
torch::Tensor head_logprobs(const torch::Tensor& hidden,
                            const torch::Tensor& weight,
                            const torch::Tensor& targets);

// The same with the logits written out, the slow reference.
torch::Tensor head_logprobs_reference(const torch::Tensor& hidden,
                                      const torch::Tensor& weight,
                                      const torch::Tensor& targets);

// logits [n, vocab_size] -> log softmax(logits)[target], [n] float32, without gradients.
torch::Tensor gather_logprobs(const torch::Tensor& logits, const torch::Tensor& targets);

}  // namespace retmask
