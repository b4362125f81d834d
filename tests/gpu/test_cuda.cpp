// CUDA against the CPU: the same code must give the same results on both devices. Skipped with a
// message if there is no GPU.

#include <gtest/gtest.h>

#include <map>

#include "gpu/skip_without_gpu.h"
#include "retmask/engine/generator.h"
#include "unit/support/golden.h"

namespace retmask {
namespace {

using testing::Golden;
using testing::load_tiny;
using testing::relative_error;
using testing::whole_sequences;

struct Case {
  const char* family;
  torch::ScalarType dtype;
  double tolerance;  // of ||cuda - cpu|| / ||cpu||
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.family << " " << test.dtype; }

std::string name_of(const ::testing::TestParamInfo<Case>& test) {
  return std::string(test.param.family) +
         (test.param.dtype == torch::kFloat32 ? "_float32" : "_bfloat16");
}

class Cuda : public ::testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    RETMASK_SKIP_WITHOUT_GPU();
    // The rounding of TensorFloat-32 would hide bugs.
    at::globalContext().setFloat32MatmulPrecision("highest");
  }

  static CausalLm load(torch::DeviceType device) {
    return load_tiny(GetParam().family, GetParam().dtype, device);
  }
  static void expect_close(const torch::Tensor& cuda,
                           const torch::Tensor& cpu,
                           const std::string& what) {
    EXPECT_LT(relative_error(cuda, cpu), GetParam().tolerance) << what;
  }
  static std::vector<int64_t> ids() { return Golden(GetParam().family).ids("token_ids"); }
};

INSTANTIATE_TEST_SUITE_P(Gpu,
                         Cuda,
                         ::testing::Values(Case{"llama", torch::kFloat32, 1e-4},
                                           Case{"qwen3", torch::kFloat32, 1e-4},
                                           Case{"olmo3", torch::kFloat32, 1e-4},
                                           Case{"llama", torch::kBFloat16, 2e-2},
                                           Case{"qwen3", torch::kBFloat16, 2e-2},
                                           Case{"olmo3", torch::kBFloat16, 2e-2}),
                         name_of);

PackedBatch on_cuda(PackedBatch batch) {
  batch.token_ids = batch.token_ids.to(torch::kCUDA);
  return batch;
}

TEST_P(Cuda, PrefillEqualsCpu) {
  const torch::NoGradGuard no_grad;
  const InferenceLm cpu = InferenceLm::with_libtorch(load(torch::kCPU));
  const InferenceLm cuda = InferenceLm::with_libtorch(load(torch::kCUDA));
  const PackedBatch batch = whole_sequences({ids(), {3, 4, 5, 6}});
  expect_close(cuda.logits(cuda.forward(on_cuda(batch))), cpu.logits(cpu.forward(batch)), "logits");
}

// eval --suite logprob: own kernels if there are any.
TEST_P(Cuda, LogprobsForInferenceEqualCpu) {
  const torch::NoGradGuard no_grad;
  const InferenceLm cuda(load(torch::kCUDA));
  const CausalLm cpu = load(torch::kCPU);
  const std::vector<std::vector<int64_t>> sequences{ids(), {3, 4, 5, 6}};
  const auto expected = token_logprobs(cpu, sequences);
  const auto found = token_logprobs(cuda, sequences);
  for (size_t i = 0; i < expected.size(); ++i) expect_close(found[i], expected[i], "log-probs");
}

// In bfloat16 each device rounds in a different order: both are compared with float32, and the
// error of the GPU may only slightly exceed that of the CPU.
TEST_P(Cuda, GradientsEqualCpu) {
  const auto gradients = [&](torch::DeviceType device, torch::ScalarType dtype) {
    CausalLm model = load_tiny(GetParam().family, dtype, device);
    model.set_requires_grad(true);
    token_logprobs(model, {ids(), {3, 4, 5, 6}})[0].mean().backward();
    std::map<std::string, torch::Tensor> result;
    for (const auto& [name, parameter] : model.parameters())
      result[name] = parameter.grad().cpu().to(torch::kFloat64);
    return result;
  };
  const auto exact = gradients(torch::kCPU, torch::kFloat32);
  const auto cpu = gradients(torch::kCPU, GetParam().dtype);
  for (const auto& [name, gradient] : gradients(torch::kCUDA, GetParam().dtype)) {
    const double error = relative_error(gradient, exact.at(name));
    const double error_of_cpu = relative_error(cpu.at(name), exact.at(name));
    EXPECT_LT(error, 1.5 * error_of_cpu + GetParam().tolerance / 4) << name;
  }
}

// Whole answers agree in float32. In bfloat16 one rounding difference may change the rest of a
// text, so only its start is compared.
TEST_P(Cuda, DecodeEqualsCpu) {
  const auto prompt = ids();
  const auto answer = [&](const InferenceLm& model, std::vector<torch::Tensor>* keys) {
    const std::vector<GenerationRequest> requests{
        {.prompt = {prompt.begin(), prompt.begin() + 150},
         .continuations = {{.masked_heads = {{1, 2}, {3, 0}}, .random = {}}},
         .max_new_tokens = 40}};
    GenerationResult found;
    Generator(model, {}).run(
        source_of(requests),
        [&](size_t, size_t, const GenerationResult& result) { found = result; },
        [&](size_t, size_t, int64_t, const torch::Tensor& largest) {
          keys->push_back(largest.clone());
        });
    return found;
  };
  std::vector<torch::Tensor> cpu_keys;
  std::vector<torch::Tensor> cuda_keys;
  const GenerationResult cpu = answer(InferenceLm::with_libtorch(load(torch::kCPU)), &cpu_keys);
  const GenerationResult cuda = answer(InferenceLm::with_libtorch(load(torch::kCUDA)), &cuda_keys);
  if (GetParam().dtype != torch::kFloat32) {
    EXPECT_EQ(cuda.tokens[0], cpu.tokens[0]);
    return;
  }
  EXPECT_EQ(cuda.tokens, cpu.tokens);
  EXPECT_NEAR(cuda.sum_logprob(), cpu.sum_logprob(), 1e-2);
  EXPECT_TRUE(torch::equal(torch::stack(cuda_keys), torch::stack(cpu_keys)));
}

}  // namespace
}  // namespace retmask
