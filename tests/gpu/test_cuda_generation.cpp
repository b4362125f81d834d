// Generation that stays on the GPU (graphs, kernels, GPU sampler) against libtorch with the host
// sampler, on models with random weights. Skipped with a message if there is no GPU.

#include <gtest/gtest.h>
#include <torch/types.h>

#include <map>
#include <numeric>

#include "gpu/skip_without_gpu.h"
#include "retmask/engine/generator.h"
#include "unit/support/mean_masks.h"

namespace retmask {
namespace {

struct Answer {
  std::vector<int64_t> tokens;
  double sum_logprob = 0;
  std::vector<torch::Tensor> largest_keys;
};
using Answers = std::map<std::pair<size_t, size_t>, Answer>;

class CudaGeneration : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    RETMASK_SKIP_WITHOUT_GPU();
    at::globalContext().setFloat32MatmulPrecision("highest");
  }

  static ModelConfig config(int64_t vocab_size = 1000) {
    const std::string family = GetParam();
    ModelConfig result;
    result.model_type = family;
    result.vocab_size = vocab_size;
    result.hidden_size = 96;
    result.intermediate_size = 160;
    result.num_attention_heads = 6;
    result.num_key_value_heads = 2;
    result.head_dim = 64;
    result.max_positions = 4096;
    result.layers.resize(4);
    if (family == "qwen3") result.qk_norm = QkNorm::per_head;
    if (family == "olmo3") {
      result.qk_norm = QkNorm::full_width;
      result.norm_placement = NormPlacement::post;
      for (size_t i = 0; i < 3; ++i) result.layers[i].sliding_window = 40;
    }
    return result;
  }

  // Returns the same weights at every call.
  static InferenceLm model(bool own_kernels, const ModelConfig& shape) {
    torch::manual_seed(11);
    CausalLm weights = CausalLm::empty(shape, torch::kCUDA, torch::kFloat32);
    const torch::NoGradGuard no_grad;
    for (auto& [name, parameter] : weights.parameters()) {
      parameter.copy_(parameter.dim() == 1 ? 1 + 0.1 * torch::randn(parameter.sizes())
                                           : 0.15 * torch::randn(parameter.sizes()));
    }
    if (!own_kernels) return InferenceLm::with_libtorch(std::move(weights));
    InferenceLm result(std::move(weights));
    EXPECT_TRUE(result.has_decode());
    return result;
  }

  static std::vector<GenerationRequest> requests() {
    const std::vector<Head> heads{{1, 2}, {3, 0}, {3, 1}, {3, 2}};  // a whole group in layer 3
    std::vector<GenerationRequest> result;
    for (size_t i = 0; i < 13; ++i) {
      const auto stream = [&](const char* name) {
        return RandomStream(3, std::to_string(i) + name);
      };
      GenerationRequest request{.continuations = {{.masked_heads = {}, .random = stream("a")}},
                                .sampling = {.temperature = i % 4 == 3 ? 0.0 : 0.8,
                                             .top_p = i % 3 == 0 ? 1.0 : 0.9,
                                             .top_k = i % 5 == 4 ? 20 : 0},
                                .max_new_tokens = static_cast<int64_t>(5 + 23 * (i % 4)),
                                .stop_ids = {5, 17, 99}};
      RandomStream prompt(4, std::to_string(i));
      for (size_t t = 0; t < 20 + 150 * (i % 5); ++t)
        request.prompt.push_back(static_cast<int64_t>(prompt.below(1000)));
      if (i % 2 == 1) {
        const HeadMask means = testing::drawn_means(config(), heads, /*seed=*/i);
        request.continuations.push_back(
            {.masked_heads = i % 4 == 1 ? HeadMask(heads) : means, .random = stream("b")});
      }
      if (i % 3 == 2) request.continuations.push_back({.masked_heads = {}, .random = stream("c")});
      result.push_back(request);
    }
    return result;
  }

  static Answers generate(const InferenceLm& model,
                          const std::vector<GenerationRequest>& asked,
                          const GeneratorOptions& options,
                          bool observe = false) {
    Answers answers;
    std::map<std::pair<size_t, size_t>, std::vector<torch::Tensor>> keys;
    StepObserver observer;
    if (observe) {
      observer = [&](size_t request, size_t continuation, int64_t, const torch::Tensor& largest) {
        keys[{request, continuation}].push_back(largest.clone());
      };
    }
    Generator(model, options)
        .run(
            source_of(asked),
            [&](size_t request, size_t continuation, const GenerationResult& result) {
              answers[{request, continuation}] = {result.tokens, result.sum_logprob(), {}};
            },
            observer);
    for (auto& [key, answer] : answers) answer.largest_keys = keys[key];
    return answers;
  }

  // A rounding difference may flip a token and change the rest of its text, which is rare.
  static void expect_same(const Answers& found, const Answers& wanted, size_t may_differ = 1) {
    ASSERT_EQ(found.size(), wanted.size());
    size_t different = 0;
    for (const auto& [key, answer] : wanted) {
      if (found.at(key).tokens != answer.tokens) {
        ++different;
        continue;
      }
      EXPECT_NEAR(found.at(key).sum_logprob, answer.sum_logprob, 1e-2);
    }
    EXPECT_LE(different, may_differ);
  }
};

INSTANTIATE_TEST_SUITE_P(Gpu,
                         CudaGeneration,
                         ::testing::Values("llama", "qwen3", "olmo3"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(CudaGeneration, EqualsLibtorchWithTheHostsSampler) {
  const Answers wanted = generate(model(/*own_kernels=*/false, config()), requests(), {});
  expect_same(generate(model(/*own_kernels=*/true, config()), requests(), {}), wanted);
}

TEST_P(CudaGeneration, GraphsChangeNothing) {
  const InferenceLm prepared = model(true, config());
  const Answers launched = generate(prepared, requests(), {.cuda_graphs = false});
  const Answers replayed = generate(prepared, requests(), {.cuda_graphs = true});
  expect_same(replayed, launched, /*may_differ=*/0);
  for (const auto& [key, answer] : launched)
    EXPECT_EQ(replayed.at(key).sum_logprob, answer.sum_logprob);  // to the last bit
}

TEST_P(CudaGeneration, TextDoesNotDependOnTheBatch) {
  const InferenceLm prepared = model(true, config());
  const Answers alone = generate(prepared, requests(), {.max_batch_size = 1});
  for (const int64_t batch_size : {3, 16, 48})
    expect_same(generate(prepared, requests(), {.max_batch_size = batch_size}), alone);
}

// Sequences are evicted while one of their tokens is pending.
TEST_P(CudaGeneration, TextDoesNotDependOnTheCache) {
  const InferenceLm prepared = model(true, config());
  const int64_t token_bytes = 2 * 4 * 2 * 64 * static_cast<int64_t>(sizeof(float));
  const Answers roomy = generate(prepared, requests(), {});
  expect_same(generate(prepared, requests(), {.kv_cache_bytes = 900 * token_bytes}), roomy);
}

TEST_P(CudaGeneration, ObserverSeesTheLargestKeys) {
  auto asked = requests();
  for (auto& request : asked) {
    request.continuations.resize(1);
    request.sampling = {};
  }
  const Answers wanted = generate(model(false, config()), asked, {}, /*observe=*/true);
  const Answers found = generate(model(true, config()), asked, {}, /*observe=*/true);
  expect_same(found, wanted);
  size_t different = 0;
  for (const auto& [key, answer] : wanted) {
    ASSERT_EQ(found.at(key).largest_keys.size(), found.at(key).tokens.size());
    if (found.at(key).tokens != answer.tokens) continue;
    different +=
        !torch::equal(torch::stack(found.at(key).largest_keys), torch::stack(answer.largest_keys));
  }
  EXPECT_LE(different, 1U);
}

// A vocabulary beyond the limit of the GPU sampler: every sequence is sampled on the host.
TEST_P(CudaGeneration, RowsOfTheHostsSampler) {
  const ModelConfig large = config(/*vocab_size=*/(1 << 19) + 8);
  const Answers wanted = generate(model(false, large), requests(), {});
  expect_same(generate(model(true, large), requests(), {}), wanted);
}

}  // namespace
}  // namespace retmask
