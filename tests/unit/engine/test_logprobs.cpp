#include <gtest/gtest.h>

#include "retmask/engine/generator.h"
#include "unit/support/golden.h"

namespace retmask {
namespace {

using testing::Golden;
using testing::load_tiny;
using testing::max_difference;
using testing::whole_sequences;

TEST(TokenLogprobs, EqualLogSoftmaxOfTheLogits) {
  const torch::NoGradGuard no_grad;
  const CausalLm model = load_tiny("qwen3");
  const auto ids = Golden("qwen3").ids("token_ids");
  const std::vector<int64_t> first(ids.begin(), ids.begin() + 60);
  const std::vector<int64_t> single{7};
  const auto logprobs = token_logprobs(model, {first, single, ids});
  ASSERT_EQ(logprobs.size(), 3U);
  EXPECT_EQ(logprobs[1].size(0), 0);
  for (const auto& [index, sequence] : {std::pair{0, first}, std::pair{2, ids}}) {
    const torch::Tensor all =
        model.logits(model.forward(whole_sequences({sequence}))).log_softmax(-1);
    const torch::Tensor targets = torch::tensor(sequence, torch::kInt64).slice(0, 1);
    const torch::Tensor expected = all.slice(0, 0, -1).gather(1, targets.unsqueeze(1)).squeeze(1);
    EXPECT_LT(max_difference(logprobs[static_cast<size_t>(index)], expected), 1e-4);
  }
}

TEST(TokenLogprobs, CanLeaveTheStartOut) {
  const torch::NoGradGuard no_grad;
  const CausalLm model = load_tiny("llama");
  const auto ids = Golden("llama").ids("token_ids");
  const std::vector<int64_t> other(ids.rbegin(), ids.rbegin() + 9);
  const auto all = token_logprobs(model, {ids, other});
  const auto some = token_logprobs(model, {ids, other}, /*first=*/{250, 9});
  EXPECT_EQ(some[1].size(0), 0);
  ASSERT_EQ(some[0].size(0), static_cast<int64_t>(ids.size()) - 250);
  EXPECT_LT(max_difference(some[0], all[0].slice(0, 249)), 1e-5);
}

TEST(TokenLogprobs, GradientsEqualTransformers) {
  const Golden golden("olmo3");
  CausalLm model = load_tiny("olmo3");
  model.set_requires_grad(true);
  const torch::Tensor loss = -token_logprobs(model, {golden.ids("token_ids")})[0].mean();
  EXPECT_NEAR(loss.item<double>(), golden["loss"].item<double>(), 1e-5);
  loss.backward();
  for (const auto& [name, parameter] : model.parameters()) {
    const double expected = golden["grad_norm." + name].item<double>();
    EXPECT_NEAR(parameter.grad().norm().item<double>(), expected, 1e-4 * expected + 1e-6) << name;
  }
}

}  // namespace
}  // namespace retmask
