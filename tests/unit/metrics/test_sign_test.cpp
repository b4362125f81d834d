#include <gtest/gtest.h>

#include "retmask/metrics/sign_test.h"

namespace retmask {
namespace {

// scipy.stats.binomtest(wins, wins + losses, 0.5).pvalue; the sums of binomial coefficients can be
// checked by hand: 2 * (1 + 10 + 45) / 2^10.
TEST(SignTest, IsTheExactBinomialTest) {
  EXPECT_DOUBLE_EQ(sign_test(0, 0), 1.0);
  EXPECT_DOUBLE_EQ(sign_test(7, 7), 1.0);
  EXPECT_NEAR(sign_test(1, 0), 1.0, 1e-12);
  EXPECT_NEAR(sign_test(8, 2), 112.0 / 1024, 1e-12);
  EXPECT_NEAR(sign_test(2, 8), 112.0 / 1024, 1e-12);
  EXPECT_NEAR(sign_test(10, 0), 2.0 / 1024, 1e-12);
  EXPECT_NEAR(sign_test(0, 2000), 0.0, 1e-300);
}

}  // namespace
}  // namespace retmask
