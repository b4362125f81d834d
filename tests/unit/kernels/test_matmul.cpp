#include <gtest/gtest.h>

#include <cmath>
#include <type_traits>

#include "matmul_portable.h"
#include "random_values.h"
#include "retmask/kernels/matmul.h"

namespace retmask::kernels {
namespace {

using testing::Guarded;
using testing::kTolerance;
using testing::random_values;

template <typename Types>
class MatmulTest : public ::testing::Test {};

template <typename E, typename O>
struct Types {
  using Element = E;
  using Out = O;
};
struct Names {
  template <typename T>
  static std::string GetName(int) {
    const bool wide_out = std::is_same_v<typename T::Out, float>;
    if (std::is_same_v<typename T::Element, float>) return "Float32";
    return wide_out ? "BFloat16ToFloat32" : "BFloat16";
  }
};
using AllTypes =
    ::testing::Types<Types<float, float>, Types<BFloat16, BFloat16>, Types<BFloat16, float>>;
TYPED_TEST_SUITE(MatmulTest, AllTypes, Names);

template <typename Element, typename Out>
struct Product {
  Product(int64_t rows, int64_t n, int64_t k)
      : x(random_values<Element>(rows * k, "x")),
        w(random_values<Element>(n * k, "w")),
        bias(random_values<Element>(n, "bias")),
        residual(random_values<Element>(rows * n, "residual")),
        packed(static_cast<size_t>(packed_size(n, k))),
        out(static_cast<size_t>(rows * n)) {
    // In two parts, like stacked weights.
    pack_rows(w.data(), 0, n / 2, k, packed.data());
    pack_rows(w.data() + n / 2 * k, n / 2, n - n / 2, k, packed.data());
    matmul = {.x = x.data(),
              .x_stride = k,
              .rows = rows,
              .k = k,
              .n = n,
              .packed = packed.data(),
              .bias = nullptr,
              .residual = nullptr,
              .out = out.data(),
              .out_stride = n};
  }
  void run() { run_matmul(matmul, 0, matmul.rows, 0, num_panels(matmul.n)); }
  double exact(int64_t row, int64_t column) const {
    double sum = 0;
    for (int64_t i = 0; i < matmul.k; ++i) {
      sum += static_cast<double>(widen(x[row * matmul.k + i])) *
             static_cast<double>(widen(w[column * matmul.k + i]));
    }
    if (matmul.bias != nullptr) sum += widen(bias[column]);
    if (matmul.residual != nullptr) sum += widen(residual[row * matmul.n + column]);
    return sum;
  }
  void expect_exact() const {
    for (int64_t row = 0; row < matmul.rows; ++row) {
      for (int64_t column = 0; column < matmul.n; ++column) {
        const double expected = exact(row, column);
        ASSERT_NEAR(widen(out[row * matmul.n + column]),
                    expected,
                    kTolerance<Element> * (1 + std::abs(expected)))
            << "row " << row << ", column " << column;
      }
    }
  }

  Guarded<Element> x, w, bias, residual, packed;
  Guarded<Out> out;
  Matmul<Element, Out> matmul;
};

// Whole and partial panels, every number of rows in a block. The second k allows AMX, whose blocks
// have 32 rows, 16 and fewer.
TYPED_TEST(MatmulTest, EqualsPlainLoops) {
  for (const int64_t k : {70, 96}) {
    for (const int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 21, 32, 33, 64, 87}) {
      for (const int64_t n : {48, 16, 50, 112}) {
        Product<typename TypeParam::Element, typename TypeParam::Out> product(rows, n, k);
        product.run();
        product.expect_exact();
      }
    }
  }
}

TYPED_TEST(MatmulTest, PortableEqualsPlainLoops) {
  Product<typename TypeParam::Element, typename TypeParam::Out> product(5, 70, 34);
  product.matmul.bias = product.bias.data();
  product.matmul.residual = product.residual.data();
  run_portable(product.matmul, 0, 5, 0, num_panels(70));
  product.expect_exact();
}

TYPED_TEST(MatmulTest, AddsBiasAndResidual) {
  Product<typename TypeParam::Element, typename TypeParam::Out> product(5, 70, 34);
  product.matmul.bias = product.bias.data();
  product.matmul.residual = product.residual.data();
  product.run();
  product.expect_exact();
}

// Bit-identical: the text of an answer must not depend on its batch.
TYPED_TEST(MatmulTest, ARowDoesNotDependOnTheOthers) {
  using Out = typename TypeParam::Out;
  constexpr int64_t kRows = 61;
  Product<typename TypeParam::Element, Out> product(kRows, 112, 576);
  product.run();
  const Guarded<Out> together = product.out;
  for (int64_t row = 0; row < kRows; ++row) {
    product.out.assign(product.out.size(), Out{});
    for (int64_t panel = 0; panel < num_panels(112); ++panel)
      run_matmul(product.matmul, row, row + 1, panel, panel + 1);
    for (int64_t column = 0; column < 112; ++column) {
      EXPECT_EQ(widen(product.out[row * 112 + column]), widen(together[row * 112 + column]));
    }
  }
}

TYPED_TEST(MatmulTest, UnpackGivesTheRowBack) {
  using Element = typename TypeParam::Element;
  const Product<Element, typename TypeParam::Out> product(1, 100, 30);
  Guarded<Element> row(30);
  for (const int64_t index : {0, 47, 48, 99}) {
    unpack_row(product.packed.data(), index, 30, row.data());
    for (int64_t i = 0; i < 30; ++i) EXPECT_EQ(widen(row[i]), widen(product.w[index * 30 + i]));
  }
}

TEST(BFloat16Test, RoundsToNearestEven) {
  const auto rounded = [](float value) {
    BFloat16 result{};
    narrow(value, result);
    return widen(result);
  };
  EXPECT_EQ(rounded(1.0F), 1.0F);
  EXPECT_EQ(rounded(1.0F + 1.0F / 256), 1.0F);               // a tie, down to the even one
  EXPECT_EQ(rounded(1.0F + 3.0F / 256), 1.0F + 4.0F / 256);  // a tie, up to the even one
  EXPECT_TRUE(std::isnan(rounded(std::nanf(""))));
  EXPECT_TRUE(std::isinf(rounded(INFINITY)));
}

}  // namespace
}  // namespace retmask::kernels
