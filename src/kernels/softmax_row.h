#pragma once
// The first half of a softmax, shared by the attention kernels.

#include <cstdint>

namespace retmask::kernels {

struct Exponentials {
  float largest;  // of the scores
  float sum;
};

// Scores become exp(score - largest). count >= 1.
Exponentials exponentiate(float* row, int64_t count);

}  // namespace retmask::kernels
