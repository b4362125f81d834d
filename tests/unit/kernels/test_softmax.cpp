#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "random_values.h"
#include "retmask/kernels/softmax.h"

namespace retmask::kernels {
namespace {

TEST(Softmax, ArgMaxIsTheFirstOfEquals) {
  testing::Guarded<float> values(1000, -1.0F);
  values[437] = values[900] = 2.0F;
  EXPECT_EQ(arg_max(values.data(), 1000), 437);
  EXPECT_EQ(arg_max(values.data(), 437), 0);
  EXPECT_EQ(arg_max(values.data() + 437, 1), 0);
}

TEST(Softmax, ReadsNoElementBehindTheEnd) {
  std::vector<float> sums;
  for (int64_t count = 1; count < 70; ++count) {
    const auto values = testing::random_values<float>(count, "logits");
    const auto largest = std::max_element(values.begin(), values.end()) - values.begin();
    EXPECT_EQ(arg_max(values.data(), count), largest);
    double expected = 0;
    for (const float value : values) expected += std::exp(static_cast<double>(value) - 1.0);
    EXPECT_NEAR(exp_sums(values.data(), count, 1.0F, 1.0F, sums), expected, 1e-5 * expected);
  }
}

TEST(Softmax, SumsOfExponentials) {
  const auto values = testing::random_values<float>(1000, "logits");
  std::vector<float> sums;
  for (const float scale : {1.0F, 30.0F}) {
    const double total = exp_sums(values.data(), 1000, /*largest=*/1.0F, scale, sums);
    ASSERT_EQ(sums.size(), 4U);
    double expected_total = 0;
    for (int64_t group = 0; group < 4; ++group) {
      double expected = 0;
      for (int64_t i = group * kSumWidth; i < std::min<int64_t>(1000, (group + 1) * kSumWidth); ++i)
        expected += std::exp((static_cast<double>(values[i]) - 1.0) * scale);
      EXPECT_NEAR(sums[group], expected, 1e-5 * expected);
      expected_total += expected;
    }
    EXPECT_NEAR(total, expected_total, 1e-5 * expected_total);
  }
}

TEST(Softmax, ExponentialOverItsWholeRange) {
  for (double x = -86.5; x <= 0; x += 0.37) {
    EXPECT_NEAR(exp_weight(static_cast<float>(x), 0.0F, 1.0F),
                std::exp(static_cast<float>(x)),
                3e-7 * std::exp(x))
        << "exp(" << x << ")";
  }
  EXPECT_EQ(exp_weight(-1e30F, 0.0F, 1.0F), 0.0F);
  EXPECT_EQ(exp_weight(-INFINITY, 0.0F, 1.0F), 0.0F);
  EXPECT_EQ(exp_weight(0.0F, 0.0F, 1.0F), 1.0F);
}

}  // namespace
}  // namespace retmask::kernels
