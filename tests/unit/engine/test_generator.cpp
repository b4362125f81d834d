#include "retmask/engine/generator.h"

#include <gtest/gtest.h>

#include <map>

#include "retmask/base/error.h"
#include "unit/support/golden.h"

namespace retmask {
namespace {

using testing::Golden;
using testing::load_tiny;
using testing::whole_sequences;

using Answers = std::map<size_t, GenerationResult>;

Answers generate(const CausalLm& model,
                 const std::vector<GenerationRequest>& requests,
                 int64_t batch_size,
                 const StepObserver& observer = nullptr) {
  Answers answers;
  Generator(model, {.max_batch_size = batch_size})
      .run(
          requests,
          [&](size_t index, const GenerationResult& result) { answers[index] = result; },
          observer);
  return answers;
}

class Family : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Generator,
                         Family,
                         ::testing::Values("llama", "qwen3", "olmo3"),
                         [](const auto& test) { return std::string(test.param); });

std::vector<int64_t> prompt_of(const char* family, size_t begin, size_t end) {
  const auto ids = Golden(family).ids("token_ids");
  return {ids.begin() + static_cast<std::ptrdiff_t>(begin),
          ids.begin() + static_cast<std::ptrdiff_t>(end)};
}

TEST_P(Family, GreedyEqualsTransformers) {
  const CausalLm model = load_tiny(GetParam());
  const Answers answers =
      generate(model, {{.prompt = prompt_of(GetParam(), 0, 40), .max_new_tokens = 24}}, 1);
  EXPECT_EQ(answers.at(0).tokens, Golden(GetParam()).ids("greedy"));
  EXPECT_EQ(answers.at(0).reason, FinishReason::length);
}

// The cache changes nothing: each token is the largest logit of a full forward over what stood
// before it.
TEST_P(Family, CachedDecodeEqualsFullForward) {
  const torch::NoGradGuard no_grad;
  const CausalLm model = load_tiny(GetParam());
  std::vector<int64_t> text =
      prompt_of(GetParam(), 0, 150);  // past the window and past YaRN's original length
  const Answers answers = generate(model, {{.prompt = text, .max_new_tokens = 70}}, 1);
  const size_t prompt_size = text.size();
  text.insert(text.end(), answers.at(0).tokens.begin(), answers.at(0).tokens.end());
  const torch::Tensor logits = model.logits(model.forward(whole_sequences({text})));
  const torch::Tensor best = logits.argmax(-1);
  for (size_t i = prompt_size; i < text.size(); ++i) {
    EXPECT_EQ(best[static_cast<int64_t>(i) - 1].item<int64_t>(), text[i]) << "position " << i;
  }
  const auto logprobs = token_logprobs(model, {text});
  EXPECT_NEAR(answers.at(0).sum_logprob,
              logprobs[0].slice(0, static_cast<int64_t>(prompt_size) - 1).sum().item<double>(),
              1e-3);
}

std::vector<GenerationRequest> mixed_requests(const char* family) {
  std::vector<GenerationRequest> requests;
  for (size_t i = 0; i < 11; ++i) {
    GenerationRequest request{.prompt = prompt_of(family, i, 20 + 7 * i),
                              .sampling = {.temperature = 0.8, .top_p = i % 2 == 0 ? 1.0 : 0.9},
                              .random = RandomStream(3, std::to_string(i)),
                              .max_new_tokens = static_cast<int64_t>(5 + 4 * (i % 4)),
                              .stop_ids = {5, 17, 99}};
    if (i % 3 == 0) request.masked_heads = {{1, 2}, {3, 0}};
    requests.push_back(request);
  }
  return requests;
}

TEST_P(Family, TextDoesNotDependOnTheBatch) {
  const CausalLm model = load_tiny(GetParam());
  const auto requests = mixed_requests(GetParam());
  const Answers alone = generate(model, requests, 1);
  for (const int64_t batch_size : {3, 16}) {
    const Answers together = generate(model, requests, batch_size);
    ASSERT_EQ(together.size(), requests.size());
    for (size_t i = 0; i < requests.size(); ++i) {
      EXPECT_EQ(together.at(i).tokens, alone.at(i).tokens)
          << "request " << i << ", batch " << batch_size;
    }
  }
}

TEST_P(Family, MaskedRowsFollowTheMaskedModel) {
  const torch::NoGradGuard no_grad;
  const CausalLm model = load_tiny(GetParam());
  const CausalLm masked = load_tiny(GetParam());
  const std::vector<Head> heads{{0, 0}, {1, 3}, {3, 1}};
  for (auto& [name, parameter] : masked.parameters()) {
    for (const Head& head : heads) {
      if (name != "model.layers." + std::to_string(head.layer) + ".self_attn.o_proj.weight")
        continue;
      const ColumnRange columns = output_columns(model.config(), head.head);
      parameter.slice(1, columns.begin, columns.end).zero_();
    }
  }
  const GenerationRequest plain{.prompt = prompt_of(GetParam(), 0, 40), .max_new_tokens = 24};
  GenerationRequest gated = plain;
  gated.masked_heads = heads;
  const Answers mixed = generate(model, {plain, gated}, 2);
  EXPECT_EQ(mixed.at(0).tokens, Golden(GetParam()).ids("greedy"));
  EXPECT_EQ(mixed.at(1).tokens, generate(masked, {plain}, 1).at(0).tokens);
}

TEST(Generator, StopsAtAStopToken) {
  const CausalLm model = load_tiny("llama");
  const auto greedy = Golden("llama").ids("greedy");
  const Answers answers = generate(
      model,
      {{.prompt = prompt_of("llama", 0, 40), .max_new_tokens = 24, .stop_ids = {greedy[3]}}},
      1);
  const auto& tokens = answers.at(0).tokens;
  EXPECT_EQ(answers.at(0).reason, FinishReason::stop);
  EXPECT_EQ(tokens.back(), greedy[3]);
  EXPECT_LE(tokens.size(), 4U);
}

TEST(Generator, ObserverSeesEachStepOfEachRow) {
  const CausalLm model = load_tiny("olmo3");
  const auto requests = mixed_requests("olmo3");
  std::map<size_t, std::vector<int64_t>> seen;
  torch::Tensor first_keys;
  const Answers answers =
      generate(model, requests, 4, [&](size_t request, int64_t token, const torch::Tensor& keys) {
        EXPECT_EQ(keys.sizes(), (std::vector<int64_t>{4, 4}));
        if (request == 2 && seen[request].empty()) first_keys = keys.clone();
        seen[request].push_back(token);
      });
  for (const auto& [index, result] : answers) EXPECT_EQ(seen.at(index), result.tokens);
  // The first step's query row is the prompt's last token.
  const torch::NoGradGuard no_grad;
  AttentionProbe probe;
  PackedBatch batch = whole_sequences({requests[2].prompt});
  batch.probe = &probe;
  model.forward(batch);
  EXPECT_TRUE(torch::equal(first_keys, probe.largest_keys()[0]));
}

TEST(Generator, RefusesWhatCannotBeAnswered) {
  const CausalLm model = load_tiny("llama");
  const auto refused = [&](const GenerationRequest& request) {
    EXPECT_THROW(generate(model, {request}, 1), UserError);
  };
  refused({.prompt = {}, .max_new_tokens = 4});
  refused({.prompt = {1, 2}, .max_new_tokens = 0});
  refused({.prompt = {1, 2}, .max_new_tokens = 4096});
  refused({.prompt = {1, 384}, .max_new_tokens = 4});
  refused({.prompt = {1, 2}, .masked_heads = {{9, 0}}, .max_new_tokens = 4});
}

}  // namespace
}  // namespace retmask
