#include <gtest/gtest.h>

#include "avx512.h"
#include "float_product.h"
#include "random_values.h"

namespace retmask::kernels {
namespace {

using testing::kTolerance;
using testing::random_values;

using Multiply = void (*)(const FloatProduct&);

// Rows of all matrices but the last are longer than the part in use, and the rest must stay
// unwritten.
void expect_product(Multiply multiply, FloatProduct p, bool transposed) {
  SCOPED_TRACE(::testing::Message()
               << p.m << " x " << p.n << " x " << p.k << (p.add ? " added" : "")
               << (transposed ? " transposed" : ""));
  constexpr float kOutside = 7;
  const int64_t a_rows = transposed ? p.k : p.m;
  const int64_t a_stride = (transposed ? p.m : p.k) + 3;
  const int64_t a_used = transposed ? p.m : p.k;
  const auto a = random_values<float>((a_rows - 1) * a_stride + a_used, "a");
  const auto b = random_values<float>((p.k - 1) * (p.n + 5) + p.n, "b");
  const auto before = random_values<float>(p.m * p.n, "c");
  p.c_row = p.n + 2;
  testing::Guarded<float> c(static_cast<size_t>((p.m - 1) * p.c_row + p.n), kOutside);
  for (int64_t i = 0; i < p.m; ++i)
    for (int64_t j = 0; j < p.n; ++j) c[i * p.c_row + j] = before[i * p.n + j];
  p.a = a.data();
  p.a_row = transposed ? 1 : a_stride;
  p.a_column = transposed ? a_stride : 1;
  p.b = b.data();
  p.b_row = p.n + 5;
  p.c = c.data();
  multiply(p);
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      double expected = p.add ? before[i * p.n + j] : 0;
      for (int64_t k = 0; k < p.k; ++k)
        expected += static_cast<double>(p.a[i * p.a_row + k * p.a_column]) * b[k * p.b_row + j];
      ASSERT_NEAR(c[i * p.c_row + j], expected, kTolerance<float>) << i << ", " << j;
    }
    for (int64_t j = p.n; j < p.c_row && i + 1 < p.m; ++j)
      ASSERT_EQ(c[i * p.c_row + j], kOutside) << i;
  }
}

void expect_products(Multiply multiply) {
  for (const int64_t m : {1, 4, 7})
    for (const int64_t n : {1, 16, 33, 50, 64, 81})
      for (const int64_t k : {1, 30})
        for (const bool add : {false, true})
          for (const bool transposed : {false, true})
            expect_product(multiply, {.m = m, .n = n, .k = k, .add = add}, transposed);
}

TEST(FloatProduct, Portable) { expect_products(multiply_portable); }

TEST(FloatProduct, Avx512) {
  if (!has_avx512<float>()) GTEST_SKIP() << "this processor has no AVX-512";
  expect_products(avx512::multiply);
}

TEST(FloatProduct, ChoosesOneOfThem) { expect_products(multiply); }

}  // namespace
}  // namespace retmask::kernels
