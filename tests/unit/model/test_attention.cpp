#include <gtest/gtest.h>

#include "retmask/model/attention.h"
#include "unit/support/golden.h"

namespace retmask {
namespace {

using testing::max_difference;

struct Case {
  int64_t queries;
  int64_t keys;
  std::optional<int64_t> window;
};

void PrintTo(const Case& test, std::ostream* out) {
  *out << test.queries << " queries, " << test.keys << " keys, window " << test.window.value_or(0);
}

// Every combination of queries, keys and window in a forward pass.
class FastAttention : public ::testing::TestWithParam<Case> {};
INSTANTIATE_TEST_SUITE_P(Attention,
                         FastAttention,
                         ::testing::Values(Case{17, 17, {}},  // a whole prompt
                                           Case{17, 17, 5},   // longer than the window
                                           Case{17, 17, 64},  // shorter than the window
                                           Case{6, 40, {}},   // a later prefill chunk
                                           Case{6, 40, 9},    //
                                           Case{1, 40, {}},   // one decoding step
                                           Case{1, 40, 9},    //
                                           Case{1, 1, 9}));   // the first token

TEST_P(FastAttention, EqualsReference) {
  const torch::NoGradGuard no_grad;
  torch::manual_seed(1);
  const Case& c = GetParam();
  const torch::Tensor q = torch::randn({c.queries, 6, 16});
  const torch::Tensor k = torch::randn({c.keys, 2, 16});
  const torch::Tensor v = torch::randn({c.keys, 2, 16});
  const torch::Tensor expected = attention_reference(q, k, v, c.window);
  EXPECT_LT(max_difference(attention(q, k, v, c.window), expected), 1e-5);
  const torch::Tensor with_grad = q.clone().requires_grad_();
  const torch::AutoGradMode grad(true);
  EXPECT_LT(max_difference(attention(with_grad, k, v, c.window).detach(), expected), 1e-5);
}

TEST(Attention, ReferenceHidesTheFutureAndWhatLiesBehindTheWindow) {
  const torch::Tensor q =
      torch::zeros({3, 1, 2});  // all scores equal: the output is the mean of the visible values
  const torch::Tensor k = torch::zeros({3, 1, 2});
  const torch::Tensor v =
      torch::tensor({{{1.0, 10.0}}, {{2.0, 20.0}}, {{6.0, 60.0}}}, torch::kFloat32);
  const torch::Tensor all = attention_reference(q, k, v, std::nullopt);
  EXPECT_TRUE(torch::allclose(all.select(2, 0).squeeze(1), torch::tensor({1.0F, 1.5F, 3.0F})));
  const torch::Tensor window = attention_reference(q, k, v, 2);
  EXPECT_TRUE(torch::allclose(window.select(2, 0).squeeze(1), torch::tensor({1.0F, 1.5F, 4.0F})));
}

TEST(LargestKey, RespectsTheWindowAndTakesTheFirstOfEquals) {
  const torch::Tensor q = torch::ones({2, 4});
  torch::Tensor k = torch::zeros({6, 1, 4});
  k[1] = 5;
  k[4] = 2;
  EXPECT_EQ(largest_key(q, k, std::nullopt)[0].item<int64_t>(), 1);
  EXPECT_EQ(largest_key(q, k, 3)[1].item<int64_t>(), 4);
  k[5] = 2;
  EXPECT_EQ(largest_key(q, k, 3)[0].item<int64_t>(), 4);
}

}  // namespace
}  // namespace retmask
