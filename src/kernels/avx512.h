#pragma once
// Attributes for functions that use AVX-512. The rest of the program runs on any x86-64, so only
// these functions are compiled with those instructions, and they run only if has_avx512.

#include "retmask/kernels/bfloat16.h"

#if defined(__x86_64__)
#define RETMASK_AVX512 __attribute__((target("arch=x86-64-v4,avx512bf16")))
#define RETMASK_AVX512_INLINE \
  __attribute__((target("arch=x86-64-v4,avx512bf16"), always_inline)) inline
#endif

namespace retmask::kernels {

namespace avx512 {
inline constexpr int64_t kLanes = 16;  // float32 per register
}

// Checks the processor at run time. bfloat16 needs AVX512_BF16 (Zen 4, Sapphire Rapids and newer).
template <typename Element>
bool has_avx512() {
#if defined(__x86_64__)
  static const bool base = __builtin_cpu_supports("x86-64-v4") > 0;
  static const bool bfloat16 = base && __builtin_cpu_supports("avx512bf16") > 0;
  return sizeof(Element) == 2 ? bfloat16 : base;
#else
  return false;
#endif
}

// Whether float32 multiplies faster than pairs of bfloat16: on Intel's processors two instructions
// per cycle of the one, and half an instruction of the other.
inline bool prefers_float32() {
#if defined(__x86_64__)
  static const bool prefers = __builtin_cpu_is("intel") > 0;
  return prefers;
#else
  return false;
#endif
}

}  // namespace retmask::kernels
