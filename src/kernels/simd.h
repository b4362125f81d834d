#pragma once
// Support for auto-vectorised loops, compiled once per instruction set.

#include <cstdint>
#include <cstring>

#include "retmask/kernels/bfloat16.h"

// One copy of the function per instruction set, selected when the program is loaded: the binary
// must run on any x86-64. Callees must be RETMASK_INLINE, to be compiled with it.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define RETMASK_SIMD_CLONES \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define RETMASK_SIMD_CLONES
#endif
#define RETMASK_INLINE __attribute__((always_inline)) inline

namespace retmask::kernels {

// exp(x) to 2 units in the last place; 0 below -87. Unlike std::exp it vectorises, and scalar and
// vector results are identical. Method: expf of Cephes (2^n times a polynomial of the remainder).
RETMASK_INLINE float fast_exp(float x) {
  constexpr float kLog2E = 1.44269504088896341F;
  constexpr float kLn2High = 0.693359375F;
  constexpr float kLn2Low = -2.12194440e-4F;
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding it leaves the nearest integer
  const float clamped = x < -87.0F ? -87.0F : (x > 88.0F ? 88.0F : x);
  const float shifted = clamped * kLog2E + kRound;
  const float n = shifted - kRound;
  const float r = (clamped - n * kLn2High) - n * kLn2Low;
  float p = 1.9875691500e-4F;
  p = p * r + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const int32_t bits = (static_cast<int32_t>(n) + 127) << 23;
  float scale = 0;
  std::memcpy(&scale, &bits, sizeof scale);
  return x < -87.0F ? 0.0F : p * scale;
}

}  // namespace retmask::kernels
