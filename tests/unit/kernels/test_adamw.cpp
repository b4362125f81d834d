#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "random_values.h"
#include "retmask/kernels/adamw.h"

namespace retmask::kernels {
namespace {

// The formula in double, computed from the same bits.
TEST(AdamW, OneStepEqualsTheFormula) {
  constexpr int64_t kCount = 1003;  // not a multiple of a vector
  constexpr double kRate = 1e-3, kDecay = 0.1, kBeta1 = 0.9, kBeta2 = 0.95, kEps = 1e-8;
  constexpr int kStep = 3;
  const AdamWStep step{.decay = 1 - kRate * kDecay,
                       .beta1 = kBeta1,
                       .beta2 = kBeta2,
                       .rate = static_cast<float>(kRate / (1 - std::pow(kBeta1, kStep))),
                       .scale = static_cast<float>(1 / std::sqrt(1 - std::pow(kBeta2, kStep))),
                       .eps = kEps};
  const auto weights = testing::random_values<float>(kCount, "weights");
  const auto gradient = testing::random_values<float>(kCount, "gradient");
  auto m = testing::random_values<float>(kCount, "first moment");
  auto v = testing::random_values<float>(kCount, "second moment");
  for (float& value : v) value = std::abs(value);
  const auto m_before = m;
  const auto v_before = v;
  testing::Guarded<BFloat16> upper(kCount);
  testing::Guarded<int16_t> lower(kCount);
  for (int64_t i = 0; i < kCount; ++i) {
    const auto bits = std::bit_cast<uint32_t>(weights[i]);
    lower[i] = static_cast<int16_t>(bits);
    upper[i].bits = static_cast<uint16_t>((bits + 0x8000U) >> 16);
  }
  adamw(step, {upper.data(), lower.data(), gradient.data(), m.data(), v.data()}, 0, kCount);
  for (int64_t i = 0; i < kCount; ++i) {
    const double g = gradient[i];
    const double first = kBeta1 * m_before[i] + (1 - kBeta1) * g;
    const double second = kBeta2 * v_before[i] + (1 - kBeta2) * g * g;
    const double change = kRate * (first / (1 - std::pow(kBeta1, kStep))) /
                          (std::sqrt(second / (1 - std::pow(kBeta2, kStep))) + kEps);
    const double expected = weights[i] * (1 - kRate * kDecay) - change;
    EXPECT_NEAR(m[i], first, 1e-6);
    EXPECT_NEAR(v[i], second, 1e-6);
    const uint32_t bits = (static_cast<uint32_t>(upper[i].bits) << 16) +
                          static_cast<uint32_t>(static_cast<int32_t>(lower[i]));
    EXPECT_NEAR(std::bit_cast<float>(bits), expected, 1e-6 * std::abs(change) + 1e-7);
    EXPECT_NEAR(widen(upper[i]), expected, std::abs(expected) / 256 + 1e-7);
  }
}

}  // namespace
}  // namespace retmask::kernels
