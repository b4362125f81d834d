#pragma once
// Backward passes of rows.h and of the log-prob of a row of logits, on the CPU and on the calling
// thread. Sums are float32; the result is rounded once.

#include <cstdint>

#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels {

// `count` rows of `width` elements, `stride` elements apart.
template <typename Element>
struct Rows {
  Element* data;
  int64_t stride;
};

// y = x / sqrt(mean(x^2) + eps) * weight. Computes dx from dy for each row and adds the sum over
// the rows to dweight [width].
template <typename Element>
struct RmsNormGradient {
  Rows<const Element> x;
  const Element* weight;
  Rows<const Element> dy;
  float eps;
  Rows<Element> dx;
  float* dweight;
};
void rms_norm_backward(const RmsNormGradient<float>& gradient, int64_t count, int64_t width);
void rms_norm_backward(const RmsNormGradient<BFloat16>& gradient, int64_t count, int64_t width);

// y = silu(gate) * up, elementwise. `dgate` may alias `gate`, and `dup` may alias `up`.
template <typename Element>
struct SiluMultiplyGradient {
  const Element* gate;
  const Element* up;
  const Element* dy;
  Element* dgate;
  Element* dup;
};
void silu_multiply_backward(const SiluMultiplyGradient<float>& gradient, int64_t count);
void silu_multiply_backward(const SiluMultiplyGradient<BFloat16>& gradient, int64_t count);

// log(sum(exp(logits))) of one row.
float log_sum_exp(const float* logits, int64_t vocab_size);
float log_sum_exp(const BFloat16* logits, int64_t vocab_size);

// Replaces one row of logits by the gradient of scale * (logits[target] - log_sum_exp): scale * ((i
// == target) - exp(logits[i] - log_sum_exp)).
void log_softmax_backward(
    float* logits, int64_t vocab_size, int64_t target, float log_sum_exp, float scale);
void log_softmax_backward(
    BFloat16* logits, int64_t vocab_size, int64_t target, float log_sum_exp, float scale);

}  // namespace retmask::kernels
