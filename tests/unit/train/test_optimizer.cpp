#include <gtest/gtest.h>

#include "retmask/train/optimizer.h"

namespace retmask::train {
namespace {

NamedTensors make_parameters(torch::ScalarType dtype) {
  torch::manual_seed(5);
  NamedTensors parameters{{"layer.weight", torch::randn({7, 33})},
                          {"layer.bias", torch::randn({33})},
                          {"norm.weight", torch::randn({5})}};
  for (auto& [name, tensor] : parameters) tensor = tensor.to(dtype).requires_grad_();
  return parameters;
}

std::vector<torch::Tensor> random_gradients(const NamedTensors& parameters, double scale) {
  std::vector<torch::Tensor> gradients;
  for (const auto& [name, tensor] : parameters) {
    gradients.push_back(scale * torch::randn(tensor.sizes()));
  }
  return gradients;
}

TrainOptions strong_options() {
  TrainOptions options;
  options.weight_decay = 0.3;
  options.adam_beta1 = 0.8;
  return options;
}

torch::Tensor clone_of(const torch::Tensor& tensor) { return tensor.detach().clone(); }

TEST(AdamW, EqualsTorchsWithDecayOnMatricesOnly) {
  const NamedTensors parameters = make_parameters(torch::kFloat32);
  std::vector<torch::Tensor> matrices{clone_of(parameters[0].second)};
  std::vector<torch::Tensor> vectors{clone_of(parameters[1].second),
                                     clone_of(parameters[2].second)};
  const TrainOptions options = strong_options();
  const auto torch_options = [&](double decay) {
    return torch::optim::AdamWOptions(1e-2)
        .betas({options.adam_beta1, options.adam_beta2})
        .eps(options.adam_eps)
        .weight_decay(decay);
  };
  torch::optim::AdamW decayed(matrices, torch_options(options.weight_decay));
  torch::optim::AdamW undecayed(vectors, torch_options(0));
  AdamW ours(parameters, options);

  for (int step = 0; step < 5; ++step) {
    const auto gradients = random_gradients(parameters, /*scale=*/0.1);
    matrices[0].mutable_grad() = gradients[0].clone();
    for (size_t i = 0; i < 2; ++i) vectors[i].mutable_grad() = gradients[i + 1].clone();
    decayed.step();
    undecayed.step();
    ours.step(gradients, 1e-2);
  }
  EXPECT_EQ(ours.steps_taken(), 5);
  EXPECT_TRUE(torch::allclose(parameters[0].second, matrices[0], /*rtol=*/1e-5, /*atol=*/1e-6));
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_TRUE(torch::allclose(parameters[i + 1].second, vectors[i], 1e-5, 1e-6));
  }
}

TEST(AdamW, RateZeroChangesNoWeightButLearnsTheMoments) {
  const NamedTensors parameters = make_parameters(torch::kFloat32);
  const torch::Tensor before = clone_of(parameters[0].second);
  AdamW ours(parameters, strong_options());
  ours.step(random_gradients(parameters, 1), /*learning_rate=*/0);
  EXPECT_TRUE(torch::equal(parameters[0].second, before));
  EXPECT_GT(ours.state()[1].second.abs().max().item<double>(), 0);
}

// Steps far below bfloat16's spacing are lost without master weights.
TEST(AdamW, SmallStepsAddUpInBfloat16) {
  const NamedTensors small = make_parameters(torch::kBFloat16);
  NamedTensors exact;
  for (const auto& [name, tensor] : small) {
    exact.emplace_back(name, tensor.detach().to(torch::kFloat32).requires_grad_());
  }
  const torch::Tensor before = clone_of(small[0].second);
  AdamW ours(small, strong_options());
  AdamW reference(exact, strong_options());
  std::vector<torch::Tensor> gradients;
  for (const auto& [name, tensor] : small) gradients.push_back(torch::ones(tensor.sizes()));
  for (int step = 0; step < 100; ++step) {
    ours.step(gradients, 1e-4);
    reference.step(gradients, 1e-4);
  }
  EXPECT_FALSE(torch::equal(small[0].second, before));
  EXPECT_TRUE(torch::equal(small[0].second, exact[0].second.detach().to(torch::kBFloat16)));
  EXPECT_TRUE(torch::equal(ours.weights()[0], exact[0].second));
}

TEST(GradientBuffer, SumsInFloat32AndFreesTheModels) {
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    const NamedTensors parameters = make_parameters(dtype);
    GradientBuffer buffer(parameters);
    // 256 + 1 is not a bfloat16.
    for (const double value : {256.0, 1.0}) {
      torch::Tensor loss = torch::zeros({});
      for (const auto& [name, tensor] : parameters) {
        loss = loss + value * tensor.to(torch::kFloat32).sum();
      }
      loss.backward();
      buffer.collect();
    }
    for (const torch::Tensor& gradient : buffer.gradients()) {
      EXPECT_EQ(gradient.scalar_type(), torch::kFloat32);
      EXPECT_TRUE(torch::equal(gradient, torch::full_like(gradient, 257)));
    }
    buffer.reset();
    for (const auto& [name, tensor] : parameters) EXPECT_FALSE(tensor.grad().defined());
  }
}

TEST(GradientBuffer, ClipsAsTorchDoes) {
  for (const double max_norm : {0.5, 1e4}) {
    const NamedTensors parameters = make_parameters(torch::kFloat32);
    const auto gradients = random_gradients(parameters, /*scale=*/2);
    std::vector<torch::Tensor> expected;
    GradientBuffer buffer(parameters);
    for (size_t i = 0; i < parameters.size(); ++i) {
      torch::Tensor parameter = parameters[i].second;
      parameter.mutable_grad() = gradients[i].clone();
      expected.push_back(torch::zeros_like(parameter));
      expected.back().mutable_grad() = gradients[i].clone();
    }
    buffer.collect();
    const double norm = buffer.norm();
    EXPECT_NEAR(norm, torch::nn::utils::clip_grad_norm_(expected, max_norm), 1e-5);
    buffer.clip(norm, max_norm);
    for (size_t i = 0; i < parameters.size(); ++i) {
      EXPECT_TRUE(torch::allclose(buffer.gradients()[i], expected[i].grad(), 1e-6, 1e-8));
    }
  }
}

}  // namespace
}  // namespace retmask::train
