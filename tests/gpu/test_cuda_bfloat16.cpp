// Generation in bfloat16 on the GPU, head sizes 64 and 128, on models with random weights: the
// log-probs of its tokens against the CPU's. Prompts beyond one prefill chunk read the cache with
// the varlen attention. Skipped with a message if there is no GPU.

#include <gtest/gtest.h>
#include <torch/types.h>

#include "gpu/skip_without_gpu.h"
#include "retmask/engine/generator.h"

namespace retmask {
namespace {

class CudaBfloat16 : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { RETMASK_SKIP_WITHOUT_GPU(); }

  // Returns the same weights, rounded to bfloat16, at every call.
  static InferenceLm model(torch::DeviceType device, torch::ScalarType dtype) {
    ModelConfig shape;
    shape.model_type = "llama";
    shape.vocab_size = 1000;
    shape.hidden_size = 256;
    shape.intermediate_size = 320;
    shape.num_attention_heads = 4;
    shape.num_key_value_heads = 2;
    shape.head_dim = GetParam();
    shape.max_positions = 4096;
    shape.layers.resize(4);
    shape.layers[1].sliding_window = 40;
    torch::manual_seed(11);
    CausalLm weights = CausalLm::empty(shape, device, dtype);
    const torch::NoGradGuard no_grad;
    for (auto& [name, parameter] : weights.parameters()) {
      const torch::Tensor values = parameter.dim() == 1 ? 1 + 0.1 * torch::randn(parameter.sizes())
                                                        : 0.1 * torch::randn(parameter.sizes());
      parameter.copy_(values.to(torch::kBFloat16));
    }
    return InferenceLm(std::move(weights));
  }

  static std::vector<GenerationRequest> requests() {
    std::vector<GenerationRequest> result;
    for (size_t i = 0; i < 6; ++i) {
      GenerationRequest request{
          .continuations = {{.masked_heads = {}, .random = RandomStream(3, std::to_string(i))}},
          .sampling = {.temperature = i % 2 == 0 ? 0.0 : 0.8},
          .max_new_tokens = 40};
      if (i % 3 == 2) request.continuations[0].masked_heads = {{1, 2}, {3, 0}, {3, 1}};
      RandomStream prompt(4, std::to_string(i));
      for (size_t t = 0; t < 20 + 240 * i; ++t)
        request.prompt.push_back(static_cast<int64_t>(prompt.below(1000)));
      result.push_back(request);
    }
    return result;
  }

  static std::vector<GenerationResult> generate(const InferenceLm& model, bool cuda_graphs) {
    const auto asked = requests();
    std::vector<GenerationResult> results(asked.size());
    Generator(model, {.cuda_graphs = cuda_graphs})
        .run(source_of(asked), [&](size_t request, size_t, const GenerationResult& result) {
          results[request] = result;
        });
    return results;
  }
};

INSTANTIATE_TEST_SUITE_P(Gpu, CudaBfloat16, ::testing::Values(64, 128), [](const auto& test) {
  return "HeadDim" + std::to_string(test.param);
});

TEST_P(CudaBfloat16, GraphsChangeNothing) {
  const InferenceLm prepared = model(torch::kCUDA, torch::kBFloat16);
  ASSERT_TRUE(prepared.has_decode());
  const auto launched = generate(prepared, /*cuda_graphs=*/false);
  const auto replayed = generate(prepared, /*cuda_graphs=*/true);
  for (size_t i = 0; i < launched.size(); ++i) {
    EXPECT_EQ(replayed[i].tokens, launched[i].tokens) << "request " << i;
    EXPECT_EQ(replayed[i].logprobs, launched[i].logprobs) << "request " << i;  // to the last bit
  }
}

// The log-probs that generation reports, for the tokens that it chose: each device rounds in a
// different order, so both are compared with float32, and the error of the GPU may only slightly
// exceed that of the CPU.
TEST_P(CudaBfloat16, LogprobsOfGeneratedTokensEqualTheCpus) {
  const torch::NoGradGuard no_grad;
  const InferenceLm exact = model(torch::kCPU, torch::kFloat32);
  const InferenceLm cpu = model(torch::kCPU, torch::kBFloat16);
  const auto asked = requests();
  const auto results = generate(model(torch::kCUDA, torch::kBFloat16), /*cuda_graphs=*/true);
  for (size_t i = 0; i < asked.size(); ++i) {
    const auto prompt_size = static_cast<int64_t>(asked[i].prompt.size());
    std::vector<int64_t> text = asked[i].prompt;
    text.insert(text.end(), results[i].tokens.begin(), results[i].tokens.end());
    const auto scored_by = [&](const InferenceLm& lm) {
      return token_logprobs(lm, {text}, {prompt_size}, asked[i].continuations[0].masked_heads)[0]
          .to(torch::kFloat64);
    };
    const torch::Tensor wanted = scored_by(exact);
    const auto error = [&](const torch::Tensor& found) {
      return (found - wanted).abs().mean().item<double>();
    };
    const torch::Tensor found = torch::tensor(results[i].logprobs, torch::kFloat64);
    ASSERT_EQ(found.sizes(), wanted.sizes());
    EXPECT_LT(error(found), 1.5 * error(scored_by(cpu)) + 5e-3) << "request " << i;
  }
}

}  // namespace
}  // namespace retmask
