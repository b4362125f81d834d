#pragma once
// Support for loops compiled once per instruction set: vectorised by the compiler, or written with
// vectors of eight where sums must stay in registers.

#include <cstdint>
#include <cstring>
#include <vector>

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

// Eight float32: a register of AVX2, two of SSE2. Passed by reference, since without AVX the ABI
// has no registers for them.
using Vector = float __attribute__((vector_size(32)));
inline constexpr int64_t kVectorWidth = 8;

RETMASK_INLINE void load_vector(const float* from, Vector& to) {
  std::memcpy(&to, from, sizeof to);
}
RETMASK_INLINE void store_vector(const Vector& from, float* to) {
  std::memcpy(to, &from, sizeof from);
}

// Element `which` of each of eight adjacent groups of kPair<Element> elements, widened.
RETMASK_INLINE void load_pair_vector(const float* from, int64_t /*which*/, Vector& to) {
  load_vector(from, to);
}
RETMASK_INLINE void load_pair_vector(const BFloat16* from, int64_t which, Vector& to) {
  uint32_t words __attribute__((vector_size(32)));
  std::memcpy(&words, from, sizeof words);
  words = which == 0 ? words << 16 : words & 0xffff0000U;  // the low half holds the first
  std::memcpy(&to, &words, sizeof to);
}

// Rows of float32, `stride` elements apart.
struct FloatRows {
  const float* data = nullptr;
  int64_t stride = 0;

  RETMASK_INLINE FloatRows from(int64_t row) const { return {data + row * stride, stride}; }
};

// The given rows in float32: bfloat16 is widened once into a buffer of the thread, not at each use.
RETMASK_INLINE FloatRows float_rows(const float* rows, int64_t stride, int64_t, int64_t) {
  return {rows, stride};
}
RETMASK_INLINE FloatRows float_rows(const BFloat16* rows,
                                    int64_t stride,
                                    int64_t num_rows,
                                    int64_t width) {
  thread_local std::vector<float> widened;
  widened.resize(static_cast<size_t>(num_rows * width));
  for (int64_t row = 0; row < num_rows; ++row) {
    const BFloat16* from = rows + row * stride;
    float* to = widened.data() + row * width;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) to[i] = widen(from[i]);
  }
  return {widened.data(), width};
}

// A tile of sums: rows of `Vectors` vectors, `stride` elements apart in memory.
template <int64_t Rows, int64_t Vectors>
RETMASK_INLINE void load_tile(const float* from, int64_t stride, Vector (&tile)[Rows][Vectors]) {
#pragma GCC unroll 8
  for (int64_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
    for (int64_t v = 0; v < Vectors; ++v)
      load_vector(from + r * stride + v * kVectorWidth, tile[r][v]);
}
template <int64_t Rows, int64_t Vectors>
RETMASK_INLINE void store_tile(const Vector (&tile)[Rows][Vectors], float* to, int64_t stride) {
#pragma GCC unroll 8
  for (int64_t r = 0; r < Rows; ++r)
#pragma GCC unroll 8
    for (int64_t v = 0; v < Vectors; ++v)
      store_vector(tile[r][v], to + r * stride + v * kVectorWidth);
}

// Adds `steps` products of a factor per row with a vector of `pair` interleaved steps: the inner
// loop of matrix products and of attention. Each sum is taken over the steps in order. `next` has
// the layout of `vectors` and is prefetched meanwhile, if not null.
template <int64_t Rows, int64_t Vectors, typename Element>
RETMASK_INLINE void add_products(const FloatRows& factors,
                                 const Element* vectors,
                                 int64_t vector_stride,
                                 int64_t steps,
                                 Vector (&sums)[Rows][Vectors],
                                 const Element* next) {
  constexpr int64_t pair = kPair<Element>;
  constexpr int64_t kCacheLine = 64 / static_cast<int64_t>(sizeof(Element));
  for (int64_t i = 0; i < steps; i += pair, vectors += vector_stride * pair) {
    if (next != nullptr) {
#pragma GCC unroll 8
      for (int64_t at = 0; at < Vectors * kVectorWidth * pair; at += kCacheLine)
        __builtin_prefetch(next + i * vector_stride + at, 0, 2);
    }
    for (int64_t which = 0; which < pair; ++which) {
      Vector loaded[Vectors];
#pragma GCC unroll 8
      for (int64_t v = 0; v < Vectors; ++v)
        load_pair_vector(vectors + v * kVectorWidth * pair, which, loaded[v]);
#pragma GCC unroll 8
      for (int64_t r = 0; r < Rows; ++r) {
        const float factor = factors.data[r * factors.stride + i + which];
#pragma GCC unroll 8
        for (int64_t v = 0; v < Vectors; ++v) sums[r][v] += factor * loaded[v];
      }
    }
  }
}

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
