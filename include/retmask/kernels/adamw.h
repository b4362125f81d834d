#pragma once
// AdamW on float32 weights stored as two 16-bit halves. Runs on the calling thread.

#include <cstdint>

#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels {

// Factors of step t (from 1) with learning rate r and weight decay d: Loshchilov & Hutter 2019,
// Algorithm 2.
struct AdamWStep {
  float decay = 1;  // 1 - r d
  float beta1 = 0;
  float beta2 = 0;
  float rate = 0;   // r / (1 - beta1^t)
  float scale = 1;  // 1 / sqrt(1 - beta2^t)
  float eps = 0;
};

// Arrays of [count] elements. The bits of a weight are upper * 2^16 + lower, where a lower half of
// 2^15 or more counts as negative: the upper half is the weight rounded to nearest, ties away from
// zero.
struct AdamWArrays {
  BFloat16* upper;
  int16_t* lower;
  const float* gradient;
  float* exp_avg;
  float* exp_avg_sq;
};

// Updates elements [begin, end) of all arrays but the gradient.
void adamw(const AdamWStep& step, const AdamWArrays& arrays, int64_t begin, int64_t end);

}  // namespace retmask::kernels
