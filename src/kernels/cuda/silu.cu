#include "element.cuh"
#include "elementwise.cuh"
#include "launch.cuh"
#include "retmask/kernels/cuda/silu.h"

namespace retmask::kernels::cuda {
namespace {

constexpr int kThreads = 256;

__device__ float sigmoid(float x) { return 1.0F / (1.0F + expf(-x)); }

template <typename Element, int N>
__global__ void __launch_bounds__(kThreads) silu_multiply_kernel(const SiluMultiply<Element> work) {
  const int64_t per_row = work.width / N;
  for_items(work.rows * per_row, [&](int64_t item) {
    const int64_t row = item / per_row;
    const int64_t column = item % per_row * N;
    const int64_t from = row * work.stride + column;
    const auto gate = load<N>(work.gate + from);
    const auto up = load<N>(work.up + from);
    Several<Element, N> product;
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float g = to_float(gate.values[i]);
      from_float(g * sigmoid(g) * to_float(up.values[i]), product.values[i]);
    }
    store(product, work.out + row * work.width + column);
  });
}

template <typename Element>
void launch_silu_multiply(const SiluMultiply<Element>& work, Stream stream) {
  constexpr int N = kVector<Element>;
  const int64_t size = work.rows * work.width;
  if (size == 0) return;
  if (work.width % N == 0 && work.stride % N == 0) {
    launch(silu_multiply_kernel<Element, N>,
           blocks_for(size / N, kThreads),
           kThreads,
           0,
           stream,
           work);
  } else {
    launch(silu_multiply_kernel<Element, 1>, blocks_for(size, kThreads), kThreads, 0, stream, work);
  }
}

template <typename Element, int N>
__global__ void __launch_bounds__(kThreads)
    silu_gradient_kernel(const SiluMultiplyGradient<Element> work, const int64_t items) {
  for_items(items, [&](int64_t item) {
    const auto gate = load<N>(work.gate + item * N);
    const auto up = load<N>(work.up + item * N);
    const auto dy = load<N>(work.dy + item * N);
    Several<Element, N> dgate;
    Several<Element, N> dup;
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float g = to_float(gate.values[i]);
      const float d = to_float(dy.values[i]);
      const float s = sigmoid(g);
      from_float(d * to_float(up.values[i]) * s * (1.0F + g * (1.0F - s)), dgate.values[i]);
      from_float(d * g * s, dup.values[i]);
    }
    store(dgate, work.dgate + item * N);
    store(dup, work.dup + item * N);
  });
}

template <typename Element>
void launch_silu_gradient(const SiluMultiplyGradient<Element>& work, int64_t count, Stream stream) {
  constexpr int N = kVector<Element>;
  if (count == 0) return;
  if (count % N == 0) {
    launch(silu_gradient_kernel<Element, N>,
           blocks_for(count / N, kThreads),
           kThreads,
           0,
           stream,
           work,
           count / N);
  } else {
    launch(silu_gradient_kernel<Element, 1>,
           blocks_for(count, kThreads),
           kThreads,
           0,
           stream,
           work,
           count);
  }
}

}  // namespace

void silu_multiply(const SiluMultiply<float>& work, Stream stream) {
  launch_silu_multiply(work, stream);
}
void silu_multiply(const SiluMultiply<BFloat16>& work, Stream stream) {
  launch_silu_multiply(work, stream);
}

void silu_multiply_backward(const SiluMultiplyGradient<float>& gradient,
                            int64_t count,
                            Stream stream) {
  launch_silu_gradient(gradient, count, stream);
}
void silu_multiply_backward(const SiluMultiplyGradient<BFloat16>& gradient,
                            int64_t count,
                            Stream stream) {
  launch_silu_gradient(gradient, count, stream);
}

}  // namespace retmask::kernels::cuda
