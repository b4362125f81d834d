// Drawn mixes of requests whose prompts share beginnings give the same tokens, log-probs and
// largest keys with the prefix cache as without it, to the last bit.

#include <gtest/gtest.h>

#include <map>

#include "retmask/base/json.h"
#include "retmask/engine/generator.h"
#include "unit/support/golden.h"

namespace retmask {
namespace {

struct SharedMix {
  std::vector<GenerationRequest> requests;
  GeneratorOptions options;
  bool observe = false;
};

struct SharedAnswers {
  std::map<std::pair<size_t, size_t>, GenerationResult> results;
  std::map<std::pair<size_t, size_t>, std::vector<torch::Tensor>> largest_keys;
  GenerationTimes times;
};

// Prompts branch off one text at drawn places. Every second mix has a cache that is short of
// blocks, every third is observed.
SharedMix draw_shared(const ModelConfig& config, uint64_t seed) {
  RandomStream random(seed, "shared");
  const auto draw = [&](uint64_t below) { return static_cast<int64_t>(random.below(below)); };
  const auto tokens = [&](int64_t number) {
    std::vector<int64_t> ids;
    for (int64_t i = 0; i < number; ++i)
      ids.push_back(draw(static_cast<uint64_t>(config.vocab_size)));
    return ids;
  };
  SharedMix mix;
  const bool is_long = seed % 4 == 0;  // longer than a prefill chunk
  const std::vector<int64_t> text = tokens(is_long ? 900 : 150);
  int64_t longest = 0;
  for (int64_t i = 0, number = 3 + draw(7); i < number; ++i) {
    GenerationRequest request{.continuations = {}, .max_new_tokens = 1 + draw(20)};
    const int64_t shared = draw(3) == 0 ? 16 * draw(9) : draw(text.size());
    request.prompt.assign(text.begin(), text.begin() + shared);
    for (const int64_t id : tokens(draw(4) == 0 && shared > 0 ? 0 : 1 + draw(40)))
      request.prompt.push_back(id);
    for (int64_t c = 0, answers = 1 + draw(3); c < answers; ++c) {
      Continuation continuation{.random = RandomStream(seed, std::to_string(8 * i + c))};
      if (draw(2) == 0) continuation.masked_heads = {{draw(2), 1}, {3, 0}};
      request.continuations.push_back(continuation);
    }
    if (draw(2) == 0) request.sampling = {.temperature = 0.9};
    longest =
        std::max(longest, static_cast<int64_t>(request.prompt.size()) + request.max_new_tokens);
    mix.requests.push_back(std::move(request));
  }
  mix.observe = seed % 3 == 0;
  mix.options = {.max_batch_size = 1 + draw(6), .max_sequence_tokens = longest};
  if (seed % 2 == 0) {
    const int64_t token_bytes =
        2 * config.num_hidden_layers() * config.num_key_value_heads * config.head_dim * 4;
    mix.options.kv_cache_bytes = (longest + 16 * (2 + draw(12))) * token_bytes;
  }
  return mix;
}

SharedAnswers answer(const InferenceLm& model, const SharedMix& mix, bool prefix_cache) {
  GeneratorOptions options = mix.options;
  options.prefix_cache = prefix_cache;
  SharedAnswers answers;
  StepObserver observer;
  if (mix.observe) {
    observer = [&](size_t request, size_t continuation, int64_t, const torch::Tensor& keys) {
      answers.largest_keys[{request, continuation}].push_back(keys.clone());
    };
  }
  Generator(model, options)
      .run(
          source_of(mix.requests),
          [&](size_t request, size_t continuation, const GenerationResult& result) {
            EXPECT_TRUE(answers.results.emplace(std::pair{request, continuation}, result).second);
          },
          observer,
          &answers.times);
  return answers;
}

void expect_same(const SharedAnswers& with, const SharedAnswers& without) {
  ASSERT_EQ(with.results.size(), without.results.size());
  for (const auto& [key, result] : with.results) {
    const GenerationResult& other = without.results.at(key);
    EXPECT_EQ(result.tokens, other.tokens) << key.first << ", continuation " << key.second;
    EXPECT_EQ(result.logprobs, other.logprobs);
  }
  ASSERT_EQ(with.largest_keys.size(), without.largest_keys.size());
  for (const auto& [key, steps] : with.largest_keys) {
    const auto& other = without.largest_keys.at(key);
    ASSERT_EQ(steps.size(), with.results.at(key).tokens.size());
    for (size_t i = 0; i < steps.size(); ++i) EXPECT_TRUE(torch::equal(steps[i], other[i]));
  }
}

class SharedPrefixes : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Generator,
                         SharedPrefixes,
                         ::testing::Values("llama", "qwen3", "olmo3"),  // olmo3: sliding windows
                         [](const auto& test) { return std::string(test.param); });

TEST_P(SharedPrefixes, ChangeNoText) {
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    const InferenceLm model = testing::load_tiny_for_inference(GetParam(), dtype);
    int64_t reused = 0;
    for (uint64_t seed = 0; seed < 12; ++seed) {
      SCOPED_TRACE(seed);
      const SharedMix mix = draw_shared(model.config(), seed);
      const SharedAnswers with = answer(model, mix, true);
      const SharedAnswers without = answer(model, mix, false);
      expect_same(with, without);
      EXPECT_EQ(without.times.reused_tokens, 0);
      reused += with.times.reused_tokens;
    }
    EXPECT_GT(reused, 1000);
  }
}

// Each prompt of the text's beginnings, longest last or first: all but the last block is reused.
TEST(SharedPrefixes, PromptTokensAreComputedOnce) {
  const InferenceLm model = testing::load_tiny_for_inference("llama");
  std::vector<int64_t> text;
  for (int64_t i = 0; i < 800; ++i) text.push_back(i * 37 % 380);
  SharedMix mix{.requests = {}, .options = {.max_batch_size = 2}};
  for (const int64_t length : {800, 720, 640, 400, 160})
    mix.requests.push_back({.prompt = {text.begin(), text.begin() + length}, .max_new_tokens = 3});
  const SharedAnswers answers = answer(model, mix, true);
  EXPECT_EQ(answers.times.prompt_tokens, 800 + 4 * 16);
  EXPECT_EQ(answers.times.reused_tokens, 720 + 640 + 400 + 160 - 4 * 16);
  expect_same(answers, answer(model, mix, false));
}

// Under dynamic NTK a key depends on the length of its prompt.
TEST(SharedPrefixes, AreOffWhereRopeDependsOnTheLength) {
  const ModelConfig config = parse_model_config(
      testing::golden_json("model/dynamic_greedy.json")["config"], "config.json");
  const InferenceLm model(CausalLm::load(
      Checkpoint(testing::golden_dir() / "tiny" / "llama"), config, torch::kCPU, torch::kFloat32));
  std::vector<int64_t> text;
  for (int64_t i = 0; i < 300; ++i) text.push_back(i * 37 % 380);
  SharedMix mix{.requests = {}, .options = {.max_batch_size = 1}};
  for (const int64_t length : {300, 250, 200})
    mix.requests.push_back({.prompt = {text.begin(), text.begin() + length}, .max_new_tokens = 20});
  const SharedAnswers answers = answer(model, mix, true);
  EXPECT_EQ(answers.times.reused_tokens, 0);
  expect_same(answers, answer(model, mix, false));
}

}  // namespace
}  // namespace retmask
