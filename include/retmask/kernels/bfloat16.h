#pragma once
// bfloat16 for the kernels: the upper half of a float32.

#include <cstdint>
#include <cstring>

namespace retmask::kernels {

struct BFloat16 {
  uint16_t bits;
};
static_assert(sizeof(BFloat16) == 2);

// Adjacent elements that one instruction multiplies and adds: how kernels interleave operands.
template <typename Element>
inline constexpr int64_t kPair = sizeof(Element) == 2 ? 2 : 1;

inline float widen(float value) { return value; }

inline float widen(BFloat16 value) {
  const uint32_t wide = static_cast<uint32_t>(value.bits) << 16;
  float result = 0;
  std::memcpy(&result, &wide, sizeof result);
  return result;
}

inline void narrow(float value, float& out) { out = value; }

// Rounds to nearest, ties to even. NaN stays NaN.
inline void narrow(float value, BFloat16& out) {
  uint32_t wide = 0;
  std::memcpy(&wide, &value, sizeof wide);
  const uint32_t rounded = (wide + 0x7fffU + ((wide >> 16) & 1U)) >> 16;
  const uint32_t quiet_nan = (wide >> 16) | 0x40U;
  out.bits = static_cast<uint16_t>((wide & 0x7fffffffU) > 0x7f800000U ? quiet_nan : rounded);
}

}  // namespace retmask::kernels
