#pragma once
// From logits to one token per sequence.

#include <torch/torch.h>

#include <cstdint>

#include "retmask/base/random.h"

namespace retmask {

struct SamplingParams {
  double temperature = 0.0;  // 0: greedy
  double top_p = 1.0;        // keep the smallest set of tokens whose probability reaches it
  int64_t top_k = 0;         // keep the k most probable tokens; 0: all

  // Throws UserError.
  void validate() const;
};

struct SampledToken {
  int64_t id = 0;
  double logprob = 0.0;  // natural log, of the untempered and unfiltered distribution
};

// logits [vocab_size] float32 on the CPU. Draws exactly one number of `random` unless greedy. Ties
// go to the first.
SampledToken sample(const float* logits,
                    int64_t vocab_size,
                    const SamplingParams& params,
                    RandomStream& random);

}  // namespace retmask
