#include <gtest/gtest.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

#include "tiny_parameters.h"

namespace retmask::train {
namespace {

Options strong_options() {
  Options options;
  options.weight_decay = 0.3;
  options.adam_beta1 = 0.8;
  return options;
}

class AdamWOn : public ::testing::TestWithParam<torch::ScalarType> {};

INSTANTIATE_TEST_SUITE_P(Dtypes,
                         AdamWOn,
                         ::testing::Values(torch::kFloat32, torch::kBFloat16),
                         [](const auto& test) { return c10::toString(test.param); });

TEST_P(AdamWOn, EqualsTorchsWithDecayOnMatricesOnlyInEveryStage) {
  for (int64_t stage = 0; stage < 4; ++stage) {
    const Options options = strong_options();
    TinyParameters ours(GetParam(), options, stage);
    std::vector<torch::Tensor> matrices{ours.started_with[0]};
    std::vector<torch::Tensor> vectors{ours.started_with[1], ours.started_with[2]};
    const auto torch_options = [&](double decay) {
      return torch::optim::AdamWOptions(1e-2)
          .betas({options.adam_beta1, options.adam_beta2})
          .eps(options.adam_eps)
          .weight_decay(decay);
    };
    torch::optim::AdamW decayed(matrices, torch_options(options.weight_decay));
    torch::optim::AdamW undecayed(vectors, torch_options(0));
    for (int step = 0; step < 5; ++step) {
      auto gradients = ours.random_factors(/*scale=*/0.1);
      for (auto& gradient : gradients) gradient = gradient.to(GetParam()).to(torch::kFloat32);
      matrices[0].mutable_grad() = gradients[0].clone();
      for (size_t i = 0; i < 2; ++i) vectors[i].mutable_grad() = gradients[i + 1].clone();
      decayed.step();
      undecayed.step();
      ours.step(gradients, 1e-2);
    }
    EXPECT_EQ(ours.optimizer->steps_taken(), 5);
    EXPECT_TRUE(torch::allclose(ours.weight(0), matrices[0], /*rtol=*/1e-5, /*atol=*/1e-6));
    for (size_t i = 0; i < 2; ++i) {
      EXPECT_TRUE(torch::allclose(ours.weight(i + 1), vectors[i], 1e-5, 1e-6)) << stage;
    }
    if (stage < 3) {
      EXPECT_TRUE(torch::equal(ours.named[0].second, ours.weight(0).to(GetParam())));
    }
  }
}

TEST(AdamW, RateZeroChangesNoWeightButLearnsTheMoments) {
  TinyParameters ours(torch::kFloat32, strong_options());
  ours.step(ours.random_factors(1), /*learning_rate=*/0);
  EXPECT_TRUE(torch::equal(ours.named[0].second, ours.started_with[0]));
  EXPECT_GT(ours.optimizer->state(0)[1].second.abs().max().item<double>(), 0);
}

// Steps far below bfloat16's spacing are lost without float32 weights.
TEST(AdamW, SmallStepsAddUpInBfloat16) {
  for (const int64_t stage : {0, 1}) {
    TinyParameters ours(torch::kBFloat16, strong_options(), stage);
    std::vector<torch::Tensor> ones;
    for (const auto& [name, tensor] : ours.named) ones.push_back(torch::ones(tensor.sizes()));
    for (int step = 0; step < 100; ++step) ours.step(ones, 1e-4);
    const torch::Tensor before = ours.started_with[0].to(torch::kBFloat16);
    EXPECT_FALSE(torch::equal(ours.named[0].second, before));
    EXPECT_TRUE(torch::equal(ours.named[0].second, ours.weight(0).to(torch::kBFloat16)));
    // With a constant gradient, Adam's steps have the size of the learning rate.
    EXPECT_NEAR((ours.weight(2) - ours.started_with[2]).mean().item<double>(), -100 * 1e-4, 1e-4);
  }
}

TEST(ShardedParameters, TheOptimizersWeightsAreNotRounded) {
  for (int64_t stage = 0; stage < 4; ++stage) {
    const TinyParameters tiny(torch::kBFloat16, Options(), stage);
    for (size_t i = 0; i < tiny.named.size(); ++i) {
      EXPECT_TRUE(torch::equal(tiny.weight(i), tiny.started_with[i])) << stage;
      if (stage == 3) continue;  // gathered layer by layer
      const torch::Tensor rounded = tiny.started_with[i].to(torch::kBFloat16);
      EXPECT_TRUE(torch::equal(tiny.named[i].second, rounded)) << stage;
    }
  }
}

TEST(ShardedParameters, TakeBackWhatTheyGaveOut) {
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    const TinyParameters tiny(dtype, Options());
    const torch::Tensor before = tiny.parameters->weights(0).clone();
    const torch::Tensor part = tiny.parameters->weights(0, /*offset=*/10, /*count=*/50);
    part.mul_(1.0001);
    tiny.parameters->set_weights(0, /*offset=*/10, part);
    const torch::Tensor after = tiny.parameters->weights(0);
    EXPECT_TRUE(torch::equal(after.narrow(0, 10, 50), before.narrow(0, 10, 50) * 1.0001F));
    EXPECT_TRUE(torch::equal(after.narrow(0, 0, 10), before.narrow(0, 0, 10)));
    EXPECT_TRUE(torch::equal(after.narrow(0, 60, 171), before.narrow(0, 60, 171)));
    const torch::Tensor network = tiny.named[0].second.detach().flatten();
    EXPECT_TRUE(torch::equal(network, after.narrow(0, 0, 231).to(dtype)));
  }
}

TEST(ShardedGradients, SumInFloat32AndFreeTheModels) {
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    for (int64_t stage = 0; stage < 4; ++stage) {
      TinyParameters tiny(dtype, Options(), stage);
      // 256 + 1 is not representable in bfloat16.
      std::vector<std::vector<torch::Tensor>> micro_batches(2);
      for (const auto& [name, tensor] : tiny.named) {
        micro_batches[0].push_back(torch::full(tensor.sizes(), 256));
        micro_batches[1].push_back(torch::ones(tensor.sizes()));
      }
      for (int step = 0; step < 2; ++step)
        tiny.backward(micro_batches);  // the second starts from zero
      for (size_t i = 0; i < tiny.named.size(); ++i) {
        EXPECT_TRUE(torch::equal(tiny.gradient(i), torch::full_like(tiny.gradient(i), 257)));
        EXPECT_EQ(tiny.gradient(i).scalar_type(), torch::kFloat32);
        EXPECT_FALSE(tiny.named[i].second.grad().defined());
      }
    }
  }
}

TEST(ShardedGradients, NothingOfTheStepBeforeIsLeft) {
  for (int64_t stage = 0; stage < 4; ++stage) {
    TinyParameters tiny(torch::kFloat32, Options(), stage);
    const auto factors = tiny.random_factors(/*scale=*/1);
    tiny.backward({factors, factors});
    tiny.backward({{factors[0], torch::Tensor(), factors[2]}});
    EXPECT_TRUE(torch::equal(tiny.gradient(0), factors[0])) << stage;
    EXPECT_EQ(tiny.gradient(1).abs().max().item<double>(), 0) << stage;
    tiny.backward({std::vector<torch::Tensor>(3)});
    EXPECT_EQ(tiny.gradients->norm(), 0) << stage;
  }
}

TEST(ShardedGradients, ClipAsTorchDoes) {
  for (const double max_norm : {0.5, 1e4}) {
    TinyParameters tiny(torch::kFloat32, Options(), /*stage=*/1);
    const auto factors = tiny.random_factors(/*scale=*/2);
    std::vector<torch::Tensor> expected;
    for (const torch::Tensor& factor : factors) {
      expected.push_back(torch::zeros_like(factor));
      expected.back().mutable_grad() = factor.clone();
    }
    tiny.backward({factors});
    const double norm = tiny.gradients->norm();
    EXPECT_NEAR(norm, torch::nn::utils::clip_grad_norm_(expected, max_norm), 1e-5);
    tiny.gradients->clip(norm, max_norm);
    for (size_t i = 0; i < factors.size(); ++i) {
      EXPECT_TRUE(torch::allclose(tiny.gradient(i), expected[i].grad(), 1e-6, 1e-8));
    }
  }
}

TEST(ParameterUnits, FollowTheForwardPassAndStartAligned) {
  NamedTensors parameters;
  for (const char* name : {"model.embed_tokens.weight",
                           "model.layers.0.self_attn.q_proj.weight",
                           "model.layers.0.input_layernorm.weight",
                           "model.layers.1.self_attn.q_proj.weight",
                           "model.layers.10.self_attn.q_proj.weight",
                           "model.norm.weight",
                           "lm_head.weight"}) {
    parameters.emplace_back(name, torch::zeros({3, 50}));
  }
  const std::vector<ParameterUnit> units = make_units(parameters);
  std::vector<std::string> names;
  for (const ParameterUnit& unit : units) names.push_back(unit.name);
  EXPECT_EQ(
      names,
      (std::vector<std::string>{
          "model.embed_tokens", "model.layers.0", "model.layers.1", "model.layers.10", "head"}));
  EXPECT_EQ(units[1].parameters[1].offset, 192) << "150 elements and a gap";
  EXPECT_EQ(units[1].length, 384);
  EXPECT_EQ(units[1].slice_length(1), 384);
  EXPECT_EQ(units[1].slice_length(4), 128) << "384 / 4, up to a multiple of 64";
}

}  // namespace
}  // namespace retmask::train
