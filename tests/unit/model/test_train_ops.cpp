// Each step with gradients against libtorch in float64.

#include <gtest/gtest.h>

#include "head_logprobs.h"
#include "products.h"
#include "retmask/model/model.h"
#include "train_ops.h"

namespace retmask {
namespace {

using torch::Tensor;
using Function = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

// Outputs and gradients of `function`, weighted by fixed random numbers, in `dtype`.
std::vector<Tensor> run(const Function& function,
                        const std::vector<Tensor>& inputs,
                        torch::ScalarType dtype) {
  std::vector<Tensor> leaves;
  for (const Tensor& input : inputs)
    leaves.push_back(input.to(dtype).detach().clone().requires_grad_(true));
  std::vector<Tensor> results = function(leaves);
  torch::manual_seed(7);
  Tensor loss = torch::zeros({}, torch::kFloat64);
  for (const Tensor& result : results)
    loss =
        loss + (result.to(torch::kFloat64) * torch::randn(result.sizes(), torch::kFloat64)).sum();
  loss.backward();
  for (const Tensor& leaf : leaves) results.push_back(leaf.grad());
  return results;
}

void expect_equal(const Function& function, const Function& reference, std::vector<Tensor> inputs) {
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    // The reference starts from the same rounded values.
    for (Tensor& input : inputs) input = input.to(dtype);
    const auto found = run(function, inputs, dtype);
    const auto expected = run(reference, inputs, torch::kFloat64);
    ASSERT_EQ(found.size(), expected.size());
    const double tolerance = dtype == torch::kFloat32 ? 1e-5 : 1e-2;
    for (size_t i = 0; i < found.size(); ++i) {
      ASSERT_TRUE(found[i].defined()) << i;
      const double error = (found[i].to(torch::kFloat64) - expected[i]).norm().item<double>();
      EXPECT_LE(error, tolerance * expected[i].norm().item<double>()) << "tensor " << i;
    }
  }
}

Tensor random(std::initializer_list<int64_t> shape) { return torch::randn(shape); }

class TrainOps : public ::testing::Test {
 protected:
  void SetUp() override { torch::manual_seed(3); }
};

TEST_F(TrainOps, RmsNorm) {
  // 37 rows: the partial sums have different sizes.
  for (const int64_t rows : {1, 37}) {
    expect_equal([](const auto& in) { return std::vector{rms_norm(in[0], in[1], 1e-3)}; },
                 [](const auto& in) {
                   return std::vector{at::rms_norm(in[0], {in[1].size(0)}, in[1], 1e-3)};
                 },
                 {random({rows, 3, 50}), random({50})});
  }
}

TEST_F(TrainOps, SiluMultiply) {
  Tensor gate = random({20, 33});
  gate[0][0] = -200.0;  // exp overflows
  gate[0][1] = 60.0;
  for (const auto function : {silu_multiply, device_silu_multiply}) {
    expect_equal([=](const auto& in) { return std::vector{function(in[0], in[1])}; },
                 [](const auto& in) { return std::vector{torch::silu(in[0]) * in[1]}; },
                 {gate, random({20, 33})});
  }
}

TEST_F(TrainOps, RotateHeads) {
  const Tensor angles = torch::rand({6, 1, 5}) * 6;
  const Rotation rotation{angles.cos(), angles.sin()};
  expect_equal([&](const auto& in) { return std::vector{rotate_heads(in[0], rotation)}; },
               [&](const auto& in) { return std::vector{apply_rotation(in[0], rotation)}; },
               {random({6, 4, 10})});
}

// Two products of one norm: gradients reach its input, its weight, and all weights and biases.
TEST_F(TrainOps, LinearsOf) {
  const auto normalize = [](const Tensor& x, const Tensor& weight) {
    return at::rms_norm(x, {weight.size(0)}, weight, 1e-5);
  };
  expect_equal(
      [&](const auto& in) {
        const Tensor weight = in[1];
        return linears_of({in[0]},
                          [=](const auto& from) { return normalize(from[0], weight); },
                          {{in[2], in[3]}, {in[4], {}}});
      },
      [&](const auto& in) {
        const Tensor input = normalize(in[0], in[1]);
        return std::vector{at::linear(input, in[2], in[3]), at::linear(input, in[4])};
      },
      {random({9, 16}), random({16}), random({5, 16}), random({5}), random({7, 16})});
}

TEST_F(TrainOps, LinearWithAndWithoutBias) {
  expect_equal(
      [](const auto& in) {
        return std::vector{linear_with_gradients(in[0], in[1], in[2]),
                           linear_with_gradients(in[0], in[1], {})};
      },
      [](const auto& in) {
        return std::vector{at::linear(in[0], in[1], in[2]), at::linear(in[0], in[1])};
      },
      {random({9, 64}), random({5, 64}), random({5})});
}

// On float32 copies or not, a product of bfloat16 is the float32 one rounded once.
TEST_F(TrainOps, ProductsAreRoundedOnce) {
  const Tensor a = random({9, 64}).to(torch::kBFloat16);
  const Tensor b = random({64, 7}).to(torch::kBFloat16);
  Tensor sum = random({9, 7}).to(torch::kBFloat16);
  const Tensor exact = a.to(torch::kFloat64).mm(b.to(torch::kFloat64));
  const Tensor exact_sum = exact + sum.to(torch::kFloat64);
  const auto expect_rounded = [](const Tensor& found, const Tensor& expected) {
    ASSERT_EQ(found.scalar_type(), torch::kBFloat16);
    // Half a unit of 8 bits, and float32's own error where terms cancel.
    const Tensor allowed = expected.abs() / 256 + 1e-4;
    EXPECT_TRUE(((found.to(torch::kFloat64) - expected).abs() <= allowed).all().item<bool>());
  };
  expect_rounded(product(a, b), exact);
  add_product(sum, a, b);
  expect_rounded(sum, exact_sum);
}

TEST_F(TrainOps, HeadLogprobsInSeveralChunks) {
  // 2^18 logits of float32 are one MiB: 130 rows are two chunks of up to 128 MiB.
  const int64_t vocab_size = int64_t{1} << 18;
  ASSERT_EQ(head_chunk_rows(vocab_size, torch::kFloat32, torch::kCPU), 128);
  // On a GPU whole tiles: 2,092 rows of Llama-3's logits would fit.
  EXPECT_EQ(head_chunk_rows(128256, torch::kBFloat16, torch::kCUDA), 2048);
  const Tensor targets = torch::randint(vocab_size, {130});
  const auto inputs = std::vector{random({130, 4}), random({vocab_size, 4})};
  const auto found =
      run([&](const auto& in) { return std::vector{head_logprobs(in[0], in[1], targets)}; },
          inputs,
          torch::kFloat32);
  // In float64. Our gradient of the hidden states is a float32 product over the vocabulary by
  // libtorch, which loses 2e-4 on AVX2.
  const auto expected = run(
      [&](const auto& in) {
        const Tensor logprobs = in[0].mm(in[1].t()).log_softmax(1);
        return std::vector{logprobs.gather(1, targets.unsqueeze(1)).squeeze(1)};
      },
      inputs,
      torch::kFloat64);
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_LE((found[i].to(torch::kFloat64) - expected[i]).norm().item<double>(),
              1e-3 * expected[i].norm().item<double>())
        << i;
  }
}

TEST_F(TrainOps, HeadLogprobs) {
  const Tensor targets = torch::tensor({0, 36, 7, 7, 20});
  expect_equal(
      [&](const auto& in) { return std::vector{head_logprobs(in[0] * 3, in[1], targets)}; },
      [&](const auto& in) {
        return std::vector{
            (in[0] * 3).mm(in[1].t()).log_softmax(1).gather(1, targets.unsqueeze(1)).squeeze(1)};
      },
      {random({5, 16}), random({37, 16})});
}

}  // namespace
}  // namespace retmask
