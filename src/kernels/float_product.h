#pragma once
// Small float32 matrix products with both operands in the cache of a core.

#include <cstdint>

namespace retmask::kernels {

// c [m, n] = (or +=) a [m, k] b [k, n].
struct FloatProduct {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  const float* a = nullptr;
  int64_t a_row = 0;     // row stride of a
  int64_t a_column = 0;  // column stride of a; swapping the two transposes a
  const float* b = nullptr;
  int64_t b_row = 0;  // row stride of b, whose columns are contiguous
  float* c = nullptr;
  int64_t c_row = 0;
  bool add = false;
};

// Every element is summed in the order of k.
void multiply(const FloatProduct& product);

// The two implementations: for any processor, and with has_avx512<float>().
void multiply_portable(const FloatProduct& product);
namespace avx512 {
void multiply(const FloatProduct& product);
}

}  // namespace retmask::kernels
