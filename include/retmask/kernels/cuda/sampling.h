#pragma once
// From logits to one token per row, on a GPU: what engine/sampler.h defines, for all rows at once.
// All pointers are device memory; a launch error is left for cudaGetLastError().

#include <cstdint>

#include "retmask/kernels/cuda/stream.h"

namespace retmask::kernels::cuda {

// A row's weights exp((logit - largest) / temperature) are summed in fixed point, so that a sum
// does not depend on the order in which threads come: 2^44 stands for the largest weight, and so
// many fit into 64 bits. A token whose weight is below 2^-45 of the largest is never drawn.
inline constexpr int64_t kMaxVocabulary = int64_t{1} << 19;

struct SampleRows {
  const float* logits = nullptr;  // [rows, vocab_size]
  int64_t rows = 0;
  int64_t vocab_size = 0;  // at most kMaxVocabulary
  // Of each row:
  const double* uniforms = nullptr;              // in [0, 1)
  const double* inverse_temperatures = nullptr;  // 0: greedy
  const double* top_p = nullptr;                 // 1: all tokens
  const double* min_p = nullptr;                 // 0: all tokens
  const int64_t* top_k = nullptr;                // 0: all tokens
  int64_t* ids = nullptr;
  double* logprobs = nullptr;  // natural log, of the untempered and unfiltered distribution; NaN,
                               // with id 0, when the row's largest logit is not finite
};

// Reads the logits twice (largest; sums), and seven times more for each of top_k and top_p.
void sample_rows(const SampleRows& work, Stream stream);

}  // namespace retmask::kernels::cuda
