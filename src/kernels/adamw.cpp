#include "retmask/kernels/adamw.h"

#include <bit>
#include <cmath>

#include "simd.h"

namespace retmask::kernels {

RETMASK_SIMD_CLONES void adamw(const AdamWStep& step,
                               const AdamWArrays& arrays,
                               int64_t begin,
                               int64_t end) {
  const AdamWStep s = step;  // a copy, which the stores cannot alias
  const auto [upper, lower, gradient, exp_avg, exp_avg_sq] = arrays;
#pragma omp simd
  for (int64_t i = begin; i < end; ++i) {
    const uint32_t low = static_cast<uint32_t>(static_cast<int32_t>(lower[i]));
    const auto weight = std::bit_cast<float>((static_cast<uint32_t>(upper[i].bits) << 16) + low);
    const float g = gradient[i];
    const float m = exp_avg[i] + (1.0F - s.beta1) * (g - exp_avg[i]);
    const float v = s.beta2 * exp_avg_sq[i] + (1.0F - s.beta2) * g * g;
    const float next = weight * s.decay - s.rate * m / (std::sqrt(v) * s.scale + s.eps);
    const auto bits = std::bit_cast<uint32_t>(next);
    exp_avg[i] = m;
    exp_avg_sq[i] = v;
    lower[i] = static_cast<int16_t>(bits);
    upper[i].bits = static_cast<uint16_t>((bits + 0x8000U) >> 16);
  }
}

}  // namespace retmask::kernels
