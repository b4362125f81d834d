#pragma once
// AdamW on float32 weights that are kept in two halves. On the calling thread.

#include <cstdint>

#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels {

// Of step t (from 1), learning rate r and weight decay d: Loshchilov & Hutter 2019, Algorithm 2.
struct AdamWStep {
  float decay = 1;  // 1 - r d
  float beta1 = 0;
  float beta2 = 0;
  float rate = 0;   // r / (1 - beta1^t)
  float scale = 1;  // 1 / sqrt(1 - beta2^t)
  float eps = 0;
};

// Of the same [count] weights. A weight's bits are upper * 2^16 + lower, where a lower half from
// 2^15 on counts as negative: the upper one is the weight rounded to nearest, ties away from zero.
struct AdamWArrays {
  BFloat16* upper;
  int16_t* lower;
  const float* gradient;
  float* exp_avg;
  float* exp_avg_sq;
};

// Changes elements begin .. end of all but the gradient.
void adamw(const AdamWStep& step, const AdamWArrays& arrays, int64_t begin, int64_t end);

}  // namespace retmask::kernels
