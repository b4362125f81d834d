// The pipelined executor on a device that runs its queue as late as it may, against the host
// executor: drawn mixes of requests must give the same tokens, log-probs and largest keys, to the
// last bit.

#include <gtest/gtest.h>

#include <map>

#include "block_pool.h"
#include "host_step_executor.h"
#include "pipelined_step_executor.h"
#include "queued_step_device.h"
#include "run_generation.h"
#include "unit/support/golden.h"
#include "unit/support/mean_masks.h"

namespace retmask {
namespace {

using testing::drawn_means;
using testing::load_tiny_for_inference;
using testing::QueuedStepDevice;

struct PipelinedAnswer {
  GenerationResult result;
  std::vector<torch::Tensor> largest_keys;
};
using PipelinedAnswers = std::map<std::pair<size_t, size_t>, PipelinedAnswer>;

struct RequestMix {
  std::vector<GenerationRequest> requests;
  GeneratorOptions options;
  bool probe = false;
};

SamplingParams draw_sampling(RandomStream& random) {
  SamplingParams params;
  if (random.below(4) == 0) return params;
  params.temperature = 0.5 + random.uniform();
  if (random.below(3) == 0) params.top_p = 0.9;
  if (random.below(3) == 0) params.top_k = 20;
  if (random.below(4) == 0) params.min_p = 0.02;
  // The device sampler lacks it.
  if (random.below(4) == 0) params.repetition_penalty = 1.3;
  return params;
}

RequestMix draw_mix(const ModelConfig& config, uint64_t seed) {
  RandomStream random(seed, "mix");
  RequestMix mix;
  int64_t longest = 0;
  const auto vocab_size = static_cast<uint64_t>(config.vocab_size);
  for (uint64_t i = 0, count = 1 + random.below(6); i < count; ++i) {
    GenerationRequest request{.continuations = {}, .sampling = draw_sampling(random)};
    for (uint64_t t = 0, length = 1 + random.below(50); t < length; ++t)
      request.prompt.push_back(static_cast<int64_t>(random.below(vocab_size)));
    if (i > 0 && random.below(2) == 0) {
      const std::vector<int64_t>& first = mix.requests.front().prompt;
      std::copy_n(
          first.begin(), std::min(first.size(), request.prompt.size()), request.prompt.begin());
    }
    for (uint64_t c = 0, answers = 1 + random.below(3); c < answers; ++c) {
      Continuation continuation{.random = RandomStream(seed, std::to_string(8 * i + c))};
      if (random.below(3) == 0)
        continuation.masked_heads = {{static_cast<int64_t>(random.below(4)), 1}, {3, 0}};
      if (!continuation.masked_heads.empty() && random.below(3) == 0) {
        continuation.masked_heads =
            drawn_means(config, continuation.masked_heads.heads(), /*seed=*/random.below(3));
      }
      request.continuations.push_back(continuation);
    }
    request.max_new_tokens = 1 + static_cast<int64_t>(random.below(30));
    for (uint64_t s = 0, stops = 12 * random.below(3); s < stops; ++s)
      request.stop_ids.push_back(static_cast<int64_t>(random.below(vocab_size)));
    if (random.below(3) == 0)
      request.stop_rule = [](std::span<const int64_t> tokens) { return tokens.back() % 11 == 0; };
    if (random.below(4) == 0) {
      request.token_forcer = [](std::span<const int64_t> tokens) {
        return tokens.size() % 5 == 3 ? std::optional<int64_t>(7) : std::nullopt;
      };
    }
    longest =
        std::max(longest, static_cast<int64_t>(request.prompt.size()) + request.max_new_tokens);
    mix.requests.push_back(request);
  }
  const int64_t blocks = BlockPool::blocks_for(longest) + static_cast<int64_t>(random.below(8));
  mix.options = {.max_batch_size = 1 + static_cast<int64_t>(random.below(7)),
                 .kv_cache_bytes = blocks * BlockPool::block_bytes(config, torch::kFloat32),
                 .prefill_tokens = 64,
                 .prefix_cache = random.below(2) == 0};
  mix.probe = random.below(3) == 0;
  return mix;
}

PipelinedAnswers run_mix(const InferenceLm& model,
                         const RequestMix& mix,
                         const StepExecutorFactory& make_executor) {
  PipelinedAnswers answers;
  StepObserver observer;
  if (mix.probe) {
    observer = [&](size_t request, size_t continuation, int64_t, const torch::Tensor& keys) {
      answers[{request, continuation}].largest_keys.push_back(keys.clone());
    };
  }
  run_generation(
      model,
      mix.options,
      make_executor,
      source_of(mix.requests),
      [&](size_t request, size_t continuation, const GenerationResult& result) {
        answers[{request, continuation}].result = result;
      },
      observer,
      /*times=*/nullptr);
  return answers;
}

class PipelinedStepExecutorTest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Families,
                         PipelinedStepExecutorTest,
                         ::testing::Values("llama", "olmo3"),
                         [](const auto& test) { return std::string(test.param); });

TEST_P(PipelinedStepExecutorTest, EqualsTheHostExecutor) {
  constexpr uint64_t kMixes = 150;
  const InferenceLm model = load_tiny_for_inference(GetParam());
  for (uint64_t seed = 0; seed < kMixes; ++seed) {
    SCOPED_TRACE(::testing::Message() << "mix " << seed);
    const RequestMix mix = draw_mix(model.config(), seed);
    const PipelinedAnswers wanted = run_mix(model, mix, [](const auto&... arguments) {
      return std::make_unique<HostStepExecutor>(arguments...);
    });
    const PipelinedAnswers found = run_mix(
        model,
        mix,
        [](const InferenceLm& lm, const BlockPool& pool, const StepExecutorOptions& options) {
          return std::make_unique<PipelinedStepExecutor>(
              lm, options, std::make_unique<QueuedStepDevice>(lm, pool, options));
        });
    ASSERT_EQ(found.size(), wanted.size());
    for (const auto& [key, answer] : wanted) {
      const PipelinedAnswer& own = found.at(key);
      ASSERT_EQ(own.result.tokens, answer.result.tokens) << key.first << ", " << key.second;
      ASSERT_EQ(own.result.logprobs, answer.result.logprobs);
      ASSERT_EQ(own.result.reason, answer.result.reason);
      ASSERT_EQ(own.largest_keys.size(), answer.largest_keys.size());
      for (size_t i = 0; i < answer.largest_keys.size(); ++i)
        ASSERT_TRUE(torch::equal(own.largest_keys[i], answer.largest_keys[i])) << "token " << i;
    }
  }
}

}  // namespace
}  // namespace retmask
