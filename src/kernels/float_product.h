#pragma once
// Small matrix products of float32, both factors in a core's cache.

#include <cstdint>

namespace retmask::kernels {

// c [m, n] = or += a [m, k] b [k, n].
struct FloatProduct {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  const float* a = nullptr;
  int64_t a_row = 0;     // from row to row of a
  int64_t a_column = 0;  // from column to column of a; with these two swapped, a is transposed
  const float* b = nullptr;
  int64_t b_row = 0;  // from row to row of b, whose columns lie side by side
  float* c = nullptr;
  int64_t c_row = 0;
  bool add = false;
};

// Each element is summed in the order of k.
void multiply(const FloatProduct& product);

// Its two ways: on any processor, and where has_avx512<float>().
void multiply_portable(const FloatProduct& product);
namespace avx512 {
void multiply(const FloatProduct& product);
}

}  // namespace retmask::kernels
