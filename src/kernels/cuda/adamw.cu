#include "elementwise.cuh"
#include "launch.cuh"
#include "retmask/kernels/cuda/adamw.h"

namespace retmask::kernels::cuda {
namespace {

constexpr int kThreads = 256;

// N weights at a time. The formula is that of kernels/adamw.cpp.
template <int N>
__global__ void __launch_bounds__(kThreads)
    adamw_kernel(const AdamWStep s, const AdamWArrays arrays, const int64_t items) {
  for_items(items, [&](int64_t item) {
    const int64_t at = item * N;
    auto upper = load<N>(static_cast<const BFloat16*>(arrays.upper + at));
    auto lower = load<N>(static_cast<const int16_t*>(arrays.lower + at));
    const auto gradient = load<N>(arrays.gradient + at);
    auto exp_avg = load<N>(static_cast<const float*>(arrays.exp_avg + at));
    auto exp_avg_sq = load<N>(static_cast<const float*>(arrays.exp_avg_sq + at));
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const auto low = static_cast<uint32_t>(static_cast<int32_t>(lower.values[i]));
      const float weight =
          __uint_as_float((static_cast<uint32_t>(upper.values[i].bits) << 16) + low);
      const float g = gradient.values[i];
      const float m = exp_avg.values[i] + (1.0F - s.beta1) * (g - exp_avg.values[i]);
      const float v = s.beta2 * exp_avg_sq.values[i] + (1.0F - s.beta2) * g * g;
      const float next = weight * s.decay - s.rate * m / (sqrtf(v) * s.scale + s.eps);
      const uint32_t bits = __float_as_uint(next);
      exp_avg.values[i] = m;
      exp_avg_sq.values[i] = v;
      lower.values[i] = static_cast<int16_t>(bits);
      upper.values[i].bits = static_cast<uint16_t>((bits + 0x8000U) >> 16);
    }
    store(upper, arrays.upper + at);
    store(lower, arrays.lower + at);
    store(exp_avg, arrays.exp_avg + at);
    store(exp_avg_sq, arrays.exp_avg_sq + at);
  });
}

bool is_aligned(const void* pointer, size_t bytes) {
  return reinterpret_cast<uintptr_t>(pointer) % bytes == 0;
}

}  // namespace

void adamw(const AdamWStep& step, const AdamWArrays& arrays, int64_t count, Stream stream) {
  constexpr int N = 4;
  if (count == 0) return;
  // A part of a unit may begin anywhere.
  const bool are_aligned = is_aligned(arrays.upper, N * sizeof(BFloat16)) &&
                           is_aligned(arrays.lower, N * sizeof(int16_t)) &&
                           is_aligned(arrays.gradient, N * sizeof(float)) &&
                           is_aligned(arrays.exp_avg, N * sizeof(float)) &&
                           is_aligned(arrays.exp_avg_sq, N * sizeof(float));
  if (are_aligned && count % N == 0) {
    launch(adamw_kernel<N>,
           blocks_for(count / N, kThreads),
           kThreads,
           0,
           stream,
           step,
           arrays,
           count / N);
  } else {
    launch(adamw_kernel<1>, blocks_for(count, kThreads), kThreads, 0, stream, step, arrays, count);
  }
}

}  // namespace retmask::kernels::cuda
