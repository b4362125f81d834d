#include <gtest/gtest.h>

#include <cmath>

#include "random_values.h"
#include "retmask/kernels/rows.h"

namespace retmask::kernels {
namespace {

using testing::Guarded;
using testing::kTolerance;
using testing::random_values;

template <typename Element>
class RowsTest : public ::testing::Test {};
using Elements = ::testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(RowsTest, Elements);

TYPED_TEST(RowsTest, RmsNorm) {
  constexpr int64_t kRows = 3;
  constexpr int64_t kWidth = 37;
  constexpr int64_t kStride = 40;
  const auto x = random_values<TypeParam>((kRows - 1) * kStride + kWidth, "x");
  const auto weight = random_values<TypeParam>(kWidth, "weight");
  Guarded<TypeParam> out(kRows * kWidth);
  rms_norm(x.data(), kStride, weight.data(), kRows, kWidth, 1e-3F, out.data(), kWidth);
  for (int64_t row = 0; row < kRows; ++row) {
    double squares = 0;
    for (int64_t i = 0; i < kWidth; ++i)
      squares += std::pow(static_cast<double>(widen(x[row * kStride + i])), 2);
    for (int64_t i = 0; i < kWidth; ++i) {
      const double expected =
          widen(x[row * kStride + i]) / std::sqrt(squares / kWidth + 1e-3) * widen(weight[i]);
      EXPECT_NEAR(widen(out[row * kWidth + i]), expected, kTolerance<TypeParam>);
    }
  }
}

TYPED_TEST(RowsTest, SiluMultiply) {
  constexpr int64_t kRows = 2;
  constexpr int64_t kWidth = 21;
  auto gate_up = random_values<TypeParam>(kRows * 2 * kWidth, "gate_up");
  narrow(-200.0F, gate_up[0]);  // exp overflows
  narrow(60.0F, gate_up[1]);
  Guarded<TypeParam> out(kRows * kWidth);
  silu_multiply(gate_up.data(), kRows, kWidth, out.data());
  for (int64_t row = 0; row < kRows; ++row) {
    for (int64_t i = 0; i < kWidth; ++i) {
      const double gate = widen(gate_up[row * 2 * kWidth + i]);
      const double up = widen(gate_up[row * 2 * kWidth + kWidth + i]);
      const double expected = gate / (1 + std::exp(-gate)) * up;
      EXPECT_NEAR(
          widen(out[row * kWidth + i]), expected, kTolerance<TypeParam> * (1 + std::abs(expected)));
    }
  }
}

TYPED_TEST(RowsTest, RotateTurnsThePairsOfHalves) {
  constexpr int64_t kRotatedHeads = 3;
  constexpr int64_t kDim = 10;
  auto x = random_values<TypeParam>(kRotatedHeads * kDim, "x");
  const auto before = x;
  Guarded<float> cos(kDim / 2);
  Guarded<float> sin(kDim / 2);
  for (int64_t i = 0; i < kDim / 2; ++i) {
    cos[i] = std::cos(0.3F * static_cast<float>(i));
    sin[i] = std::sin(0.3F * static_cast<float>(i));
  }
  rotate(x.data(), kRotatedHeads, kDim, cos.data(), sin.data(), x.data(), kDim);
  for (int64_t head = 0; head < kRotatedHeads; ++head) {
    for (int64_t i = 0; i < kDim / 2; ++i) {
      const double first = widen(before[head * kDim + i]);
      const double second = widen(before[head * kDim + kDim / 2 + i]);
      EXPECT_NEAR(
          widen(x[head * kDim + i]), first * cos[i] - second * sin[i], kTolerance<TypeParam>);
      EXPECT_NEAR(widen(x[head * kDim + kDim / 2 + i]),
                  second * cos[i] + first * sin[i],
                  kTolerance<TypeParam>);
    }
  }
}

}  // namespace
}  // namespace retmask::kernels
