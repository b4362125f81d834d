#pragma once
// Element types in device code: loads of 16 bytes, widened to float32.

#include <cstdint>

#include "retmask/kernels/bfloat16.h"

namespace retmask::kernels::cuda {

// Elements per 16-byte load.
template <typename Element>
inline constexpr int kVector = 16 / static_cast<int>(sizeof(Element));

inline __device__ float to_float(float value) { return value; }
inline __device__ float to_float(BFloat16 value) {
  return __uint_as_float(static_cast<uint32_t>(value.bits) << 16);
}

inline __device__ void from_float(float value, float& out) { out = value; }
// Rounds to nearest, ties to even. NaN stays NaN.
inline __device__ void from_float(float value, BFloat16& out) {
  const uint32_t wide = __float_as_uint(value);
  const uint32_t rounded = (wide + 0x7fffU + ((wide >> 16) & 1U)) >> 16;
  const uint32_t quiet_nan = (wide >> 16) | 0x40U;
  out.bits = static_cast<uint16_t>((wide & 0x7fffffffU) > 0x7f800000U ? quiet_nan : rounded);
}

// The 16 bytes at `from` (aligned), or zeros.
template <typename Element>
inline __device__ uint4 load_vector(const Element* from, bool wanted) {
  return wanted ? __ldg(reinterpret_cast<const uint4*>(from)) : make_uint4(0, 0, 0, 0);
}

inline __device__ void widen_vector(uint4 packed, float (&out)[4]) {
  out[0] = __uint_as_float(packed.x);
  out[1] = __uint_as_float(packed.y);
  out[2] = __uint_as_float(packed.z);
  out[3] = __uint_as_float(packed.w);
}
}  // namespace retmask::kernels::cuda
