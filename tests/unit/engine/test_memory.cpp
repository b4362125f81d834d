#include <gtest/gtest.h>

#include "retmask/base/memory.h"
#include "retmask/engine/memory.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/golden.h"

namespace retmask {
namespace {

using testing::load_tiny;

constexpr int64_t kMebibyte = int64_t{1} << 20;

MemoryBudget budget(const ModelConfig& config, const GeneratorOptions& options) {
  return memory_budget(config, torch::kCPU, torch::kFloat32, options);
}

TEST(MemoryBudget, CountsTheWeightsOnce) {
  for (const char* family : {"llama", "qwen3", "olmo3"}) {
    const CausalLm model = load_tiny(family);
    int64_t bytes = 0;
    for (const auto& [name, parameter] : model.parameters())
      bytes += static_cast<int64_t>(parameter.nbytes());
    EXPECT_EQ(budget(model.config(), {}).weights, bytes) << family;
  }
}

// 4 layers x 2 heads x 16 keys and values of float32; in blocks of 16 tokens.
TEST(MemoryBudget, CacheIsWhatTheBatchCanNeed) {
  const ModelConfig config = load_tiny("llama").config();
  const int64_t block = int64_t{2} * 4 * 2 * 16 * config.head_dim * 4;
  EXPECT_EQ(budget(config, {.max_batch_size = 3, .max_sequence_tokens = 40}).kv_cache,
            3 * 3 * block);
  EXPECT_EQ(budget(config, {.max_batch_size = 3}).kv_cache, 3 * (2048 / 16) * block);
  EXPECT_EQ(
      budget(config,
             {.max_batch_size = 3, .kv_cache_bytes = 5 * block + 1, .max_sequence_tokens = 40})
          .kv_cache,
      5 * block);
  EXPECT_LE(budget(config, {.max_batch_size = int64_t{1} << 40}).kv_cache, available_memory() / 4);
}

TEST(MemoryBudget, RefusesACacheForLessThanOneSequence) {
  const ModelConfig config = load_tiny("llama").config();
  expect_user_error([&] { budget(config, {.kv_cache_bytes = 1000, .max_sequence_tokens = 500}); },
                    {"--kv-cache-mib", "500 tokens"});
}

constexpr int64_t kGpu = 80'000'000'000;

ModelConfig llama_8b() {
  ModelConfig config;
  config.vocab_size = 128256;
  config.hidden_size = 4096;
  config.intermediate_size = 14336;
  config.num_attention_heads = 32;
  config.num_key_value_heads = 8;
  config.head_dim = 128;
  config.max_positions = 131072;
  config.layers.resize(32);
  return config;
}

// In bfloat16 with prompts of 128K tokens, on a GPU of 80 GB: a few sequences at once.
TEST(MemoryBudget, LongPromptsOfALargeModelFitOneGpu) {
  const ModelConfig config = llama_8b();
  const MemoryBudget plan = memory_budget(config,
                                          torch::kCUDA,
                                          torch::kBFloat16,
                                          {.max_batch_size = 8, .max_sequence_tokens = 131072},
                                          kGpu);
  EXPECT_EQ(plan.weights, 2 * int64_t{8'030'261'248});
  const int64_t sequence = int64_t{2} * 32 * 8 * 128 * 2 * 131072;  // 16 GiB
  EXPECT_GE(plan.kv_cache, 2 * sequence);
  EXPECT_LT(plan.kv_cache, 4 * sequence);
  EXPECT_GT(plan.step_buffers, 2 * kMebibyte * 1024) << "8,192 rows, and keys of 128K tokens";
  EXPECT_LT(plan.total(), kGpu - kGpu / 20) << plan.text();
}

TEST(DefaultBatchSize, IsWhatFitsBesideTheWeights) {
  const auto on_gpu = [](int64_t tokens, int64_t free) {
    return default_batch_size(
        llama_8b(), torch::kCUDA, torch::kBFloat16, {.max_sequence_tokens = tokens}, free);
  };
  EXPECT_EQ(on_gpu(2304, kGpu), 256);
  // 51 GB for sequences of 4,096 tokens, half of them filled: 512 MiB each.
  EXPECT_GT(on_gpu(8192, kGpu), 80);
  EXPECT_LT(on_gpu(8192, kGpu), 100);
  EXPECT_EQ(on_gpu(131072, kGpu), 64);
  EXPECT_EQ(default_batch_size(
                llama_8b(), torch::kCPU, torch::kBFloat16, {.max_sequence_tokens = 2304}, kGpu),
            64);
}

// Where a share of the free memory is too little for one sequence, it may have all.
TEST(MemoryBudget, OneSequenceMayTakeWhatIsFree) {
  const ModelConfig config = load_tiny("llama").config();
  const GeneratorOptions options{.max_batch_size = 8, .max_sequence_tokens = 2048};
  const MemoryBudget roomy = budget(config, options);
  const int64_t sequence = roomy.kv_cache / 8;
  const int64_t fixed = roomy.weights + roomy.step_buffers;
  const auto cache = [&](int64_t free) {
    return memory_budget(config, torch::kCPU, torch::kFloat32, options, fixed + free).kv_cache;
  };
  EXPECT_EQ(cache(8 * sequence), 2 * sequence);
  EXPECT_EQ(cache(2 * sequence), sequence);
  EXPECT_EQ(cache(sequence), sequence);
  expect_user_error([&] { cache(sequence - 1); },
                    {"free memory", "2048 tokens", "--max-new-tokens"});
}

TEST(MemoryBudget, TotalHoldsWhatIsThereAtOnce) {
  const MemoryBudget small_cache{
      .process = 1, .weights = 10, .loading = 5, .kv_cache = 1, .step_buffers = 2};
  EXPECT_EQ(small_cache.total(), 16);
  const MemoryBudget large_cache{
      .process = 1, .weights = 10, .loading = 5, .kv_cache = 7, .step_buffers = 2};
  EXPECT_EQ(large_cache.total(), 20);
  EXPECT_EQ(large_cache.to_json()["total"], 20);
}

// The text is the same, and the whole cache is resident although few tokens use it.
TEST(Generator, ReservedCacheIsInMemory) {
  const InferenceLm model = testing::load_tiny_for_inference("llama");
  GeneratorOptions options{.max_batch_size = 1000, .kv_cache_bytes = 150 * kMebibyte};
  const std::vector<GenerationRequest> requests{{.prompt = {5, 6, 7}, .max_new_tokens = 4}};
  int64_t grown = 0;
  std::vector<int64_t> tokens;
  const auto run = [&] {
    const int64_t before = resident_memory();
    Generator(model, options)
        .run(source_of(requests), [&](size_t, size_t, const GenerationResult& result) {
          grown = resident_memory() - before;
          tokens = result.tokens;
        });
  };
  run();
  const std::vector<int64_t> lazily = tokens;
  EXPECT_LT(grown, 30 * kMebibyte);
  options.reserve_cache = true;
  run();
  EXPECT_GT(grown, 140 * kMebibyte);
  EXPECT_EQ(tokens, lazily);
}

}  // namespace
}  // namespace retmask
