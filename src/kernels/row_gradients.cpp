#include "retmask/kernels/row_gradients.h"

#include <cmath>

#include "simd.h"

namespace retmask::kernels {
namespace {

// With r = 1 / sqrt(mean(x^2) + eps) and g = dy * weight:
// dx = r * g - x * r^3 / width * sum(x * g),  dweight += dy * x * r.
template <typename Element>
RETMASK_INLINE void rms_norm_row(const Element* x,
                                 const Element* weight,
                                 const Element* dy,
                                 int64_t width,
                                 float eps,
                                 Element* dx,
                                 float* dweight) {
  float squares = 0;
  float products = 0;
#pragma omp simd reduction(+ : squares, products)
  for (int64_t i = 0; i < width; ++i) {
    const float value = widen(x[i]);
    squares += value * value;
    products += value * widen(dy[i]) * widen(weight[i]);
  }
  const auto size = static_cast<float>(width);
  const float scale = 1.0F / std::sqrt(squares / size + eps);
  const float pull = products * scale * scale / size;
#pragma omp simd
  for (int64_t i = 0; i < width; ++i) {
    const float value = widen(x[i]);
    const float gradient = widen(dy[i]);
    dweight[i] += gradient * value * scale;
    narrow(scale * (gradient * widen(weight[i]) - value * pull), dx[i]);
  }
}

template <typename Element>
RETMASK_INLINE void rms_norm_rows(const RmsNormGradient<Element>& g, int64_t count, int64_t width) {
  for (int64_t row = 0; row < count; ++row) {
    rms_norm_row(g.x.data + row * g.x.stride,
                 g.weight,
                 g.dy.data + row * g.dy.stride,
                 width,
                 g.eps,
                 g.dx.data + row * g.dx.stride,
                 g.dweight);
  }
}

// d silu(g) / dg = s + g s (1 - s), s = sigmoid(g).
template <typename Element>
RETMASK_INLINE void silu_gradients(const SiluMultiplyGradient<Element>& g, int64_t count) {
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) {
    const float gate = widen(g.gate[i]);
    const float up = widen(g.up[i]);
    const float dy = widen(g.dy[i]);
    const float sigmoid = 1.0F / (1.0F + fast_exp(-gate));
    narrow(dy * up * (sigmoid + gate * sigmoid * (1.0F - sigmoid)), g.dgate[i]);
    narrow(dy * gate * sigmoid, g.dup[i]);
  }
}

template <typename Element>
RETMASK_INLINE float log_sum_exp_row(const Element* logits, int64_t vocab_size) {
  float largest = widen(logits[0]);
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < vocab_size; ++i) {
    const float value = widen(logits[i]);
    largest = largest < value ? value : largest;
  }
  // Summed in chunks that are then added in double: a single float32 sum of 100,000 terms is off in
  // the sixth digit.
  constexpr int64_t kPiece = 1024;
  double total = 0;
  for (int64_t begin = 0; begin < vocab_size; begin += kPiece) {
    const int64_t end = begin + kPiece < vocab_size ? begin + kPiece : vocab_size;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = begin; i < end; ++i) sum += fast_exp(widen(logits[i]) - largest);
    total += sum;
  }
  return largest + static_cast<float>(std::log(total));
}

template <typename Element>
RETMASK_INLINE void log_softmax_gradient_row(
    Element* logits, int64_t vocab_size, int64_t target, float log_sum_exp, float scale) {
  const float at_target = 1.0F - fast_exp(widen(logits[target]) - log_sum_exp);
#pragma omp simd
  for (int64_t i = 0; i < vocab_size; ++i)
    narrow(-scale * fast_exp(widen(logits[i]) - log_sum_exp), logits[i]);
  narrow(scale * at_target, logits[target]);
}

}  // namespace

RETMASK_SIMD_CLONES void rms_norm_backward(const RmsNormGradient<float>& gradient,
                                           int64_t count,
                                           int64_t width) {
  rms_norm_rows(gradient, count, width);
}
RETMASK_SIMD_CLONES void rms_norm_backward(const RmsNormGradient<BFloat16>& gradient,
                                           int64_t count,
                                           int64_t width) {
  rms_norm_rows(gradient, count, width);
}

RETMASK_SIMD_CLONES void silu_multiply_backward(const SiluMultiplyGradient<float>& gradient,
                                                int64_t count) {
  silu_gradients(gradient, count);
}
RETMASK_SIMD_CLONES void silu_multiply_backward(const SiluMultiplyGradient<BFloat16>& gradient,
                                                int64_t count) {
  silu_gradients(gradient, count);
}

RETMASK_SIMD_CLONES float log_sum_exp(const float* logits, int64_t vocab_size) {
  return log_sum_exp_row(logits, vocab_size);
}
RETMASK_SIMD_CLONES float log_sum_exp(const BFloat16* logits, int64_t vocab_size) {
  return log_sum_exp_row(logits, vocab_size);
}

RETMASK_SIMD_CLONES void log_softmax_backward(
    float* logits, int64_t vocab_size, int64_t target, float log_sum_exp, float scale) {
  log_softmax_gradient_row(logits, vocab_size, target, log_sum_exp, scale);
}
RETMASK_SIMD_CLONES void log_softmax_backward(
    BFloat16* logits, int64_t vocab_size, int64_t target, float log_sum_exp, float scale) {
  log_softmax_gradient_row(logits, vocab_size, target, log_sum_exp, scale);
}

}  // namespace retmask::kernels
