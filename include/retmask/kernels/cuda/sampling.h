#pragma once
// Sampling on a GPU: one token per row of logits, all rows at once, as defined by engine/sampler.h.
// All pointers are device memory; launch errors are left for cudaGetLastError().

#include <cstdint>

#include "retmask/kernels/cuda/stream.h"

namespace retmask::kernels::cuda {

// The weights exp((logit - largest) / temperature) of a row are summed in fixed point, so that a
// sum does not depend on the order of the threads: 2^44 stands for the largest weight, and
// kMaxVocabulary of them fit into 64 bits. A token whose weight is below 2^-45 of the largest is
// never sampled.
inline constexpr int64_t kMaxVocabulary = int64_t{1} << 19;

struct SampleRows {
  const float* logits = nullptr;  // [rows, vocab_size]
  int64_t rows = 0;
  int64_t vocab_size = 0;  // at most kMaxVocabulary
  // Per row:
  const double* uniforms = nullptr;              // in [0, 1)
  const double* inverse_temperatures = nullptr;  // 0: greedy
  const double* top_p = nullptr;                 // 1: all tokens
  const double* min_p = nullptr;                 // 0: all tokens
  const int64_t* top_k = nullptr;                // 0: all tokens
  int64_t* ids = nullptr;
  double* logprobs = nullptr;  // natural log, before temperature and filters; NaN, with id 0,
                               // when the largest logit of the row is not finite
};

// Reads the logits twice (largest; sums), and seven more times for each of top_k and top_p.
void sample_rows(const SampleRows& work, Stream stream);

}  // namespace retmask::kernels::cuda
