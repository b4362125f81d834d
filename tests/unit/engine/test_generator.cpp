#include <gtest/gtest.h>

#include <map>

#include "retmask/base/error.h"
#include "retmask/base/json.h"
#include "retmask/engine/generator.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/golden.h"

namespace retmask {
namespace {

using testing::Golden;
using testing::load_tiny;
using testing::load_tiny_for_inference;
using testing::load_tiny_with_libtorch;
using testing::relative_error;
using testing::whole_sequences;

// Keyed by request and continuation.
using Answers = std::map<std::pair<size_t, size_t>, GenerationResult>;

Answers generate(const InferenceLm& model,
                 const std::vector<GenerationRequest>& requests,
                 const GeneratorOptions& options,
                 const StepObserver& observer = nullptr) {
  Answers answers;
  Generator(model, options)
      .run(
          source_of(requests),
          [&](size_t request, size_t continuation, const GenerationResult& result) {
            EXPECT_TRUE(answers.emplace(std::pair{request, continuation}, result).second);
          },
          observer);
  return answers;
}

Answers generate(const InferenceLm& model,
                 const std::vector<GenerationRequest>& requests,
                 int64_t batch_size,
                 const StepObserver& observer = nullptr) {
  return generate(model, requests, GeneratorOptions{.max_batch_size = batch_size}, observer);
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
  for (const auto load : {load_tiny_for_inference, load_tiny_with_libtorch}) {
    const InferenceLm model = load(GetParam(), torch::kFloat32);
    const Answers answers =
        generate(model, {{.prompt = prompt_of(GetParam(), 0, 40), .max_new_tokens = 24}}, 1);
    EXPECT_EQ(answers.at({0, 0}).tokens, Golden(GetParam()).ids("greedy"));
    EXPECT_EQ(answers.at({0, 0}).reason, FinishReason::length);
  }
}

// Length-dependent RoPE: the whole prompt counts, also in prefill chunks, and each new token
// extends it.
TEST(Generator, DynamicRopeEqualsTransformers) {
  const Json golden = testing::golden_json("model/dynamic_greedy.json");
  const ModelConfig config = parse_model_config(golden["config"], "config.json");
  EXPECT_EQ(config.max_positions, 4 * 96);
  const auto half = prompt_of("llama", 0, 300);
  std::vector<int64_t> ids = half;
  ids.insert(ids.end(), half.rbegin(), half.rend());
  for (const bool own_kernels : {false, true}) {
    ModelConfig longer = config;
    longer.max_positions = 1000;
    const Checkpoint checkpoint(testing::golden_dir() / "tiny" / "llama");
    CausalLm weights = CausalLm::load(checkpoint, longer, torch::kCPU, torch::kFloat32);
    const InferenceLm model = own_kernels ? InferenceLm(std::move(weights))
                                          : InferenceLm::with_libtorch(std::move(weights));
    for (const std::ptrdiff_t prompt : {90, 120, 560}) {
      const Answers answers = generate(
          model, {{.prompt = {ids.begin(), ids.begin() + prompt}, .max_new_tokens = 24}}, 1);
      EXPECT_EQ(answers.at({0, 0}).tokens,
                golden[std::to_string(prompt)].get<std::vector<int64_t>>())
          << prompt << (own_kernels ? " with own kernels" : " with libtorch");
    }
  }
}

// The cache does not change the result: each token is the largest logit of a full forward pass over
// the tokens before it.
TEST_P(Family, CachedDecodeEqualsFullForward) {
  const torch::NoGradGuard no_grad;
  const InferenceLm model = load_tiny_for_inference(GetParam());
  std::vector<int64_t> text =
      prompt_of(GetParam(), 0, 150);  // longer than the window and YaRN's original length
  const Answers answers = generate(model, {{.prompt = text, .max_new_tokens = 70}}, 1);
  const size_t prompt_size = text.size();
  text.insert(text.end(), answers.at({0, 0}).tokens.begin(), answers.at({0, 0}).tokens.end());
  const torch::Tensor logits = model.logits(model.forward(whole_sequences({text})));
  const torch::Tensor best = logits.argmax(-1);
  for (size_t i = prompt_size; i < text.size(); ++i) {
    EXPECT_EQ(best[static_cast<int64_t>(i) - 1].item<int64_t>(), text[i]) << "position " << i;
  }
  const auto logprobs = token_logprobs(model, {text});
  EXPECT_NEAR(answers.at({0, 0}).sum_logprob(),
              logprobs[0].slice(0, static_cast<int64_t>(prompt_size) - 1).sum().item<double>(),
              1e-3);
}

TEST_P(Family, GreedyWithARepetitionPenaltyEqualsTransformers) {
  const Json golden = testing::golden_json("sampling.json");
  const InferenceLm model = load_tiny_for_inference(GetParam());
  const GenerationRequest request{.prompt = prompt_of(GetParam(), 0, 40),
                                  .sampling = {.repetition_penalty = golden["greedy_penalty"]},
                                  .max_new_tokens = 24};
  EXPECT_EQ(generate(model, {request}, 1).at({0, 0}).tokens,
            golden["greedy"][GetParam()].get<std::vector<int64_t>>());
}

// Answers of both policies, several of some, for prompts of different lengths.
std::vector<GenerationRequest> mixed_requests(const char* family) {
  const std::vector<Head> heads{{1, 2}, {3, 0}};
  std::vector<GenerationRequest> requests;
  for (size_t i = 0; i < 11; ++i) {
    const auto stream = [&](const char* name) { return RandomStream(3, std::to_string(i) + name); };
    GenerationRequest request{.prompt = prompt_of(family, i, 20 + 7 * i),
                              .continuations = {{.masked_heads = {}, .random = stream("a")}},
                              .sampling = {.temperature = 0.8, .top_p = i % 2 == 0 ? 1.0 : 0.9},
                              .max_new_tokens = static_cast<int64_t>(5 + 9 * (i % 4)),
                              .stop_ids = {5, 17, 99}};
    if (i % 2 == 1) request.continuations.push_back({.masked_heads = heads, .random = stream("b")});
    if (i % 3 == 2) request.continuations.push_back({.masked_heads = {}, .random = stream("c")});
    requests.push_back(request);
  }
  return requests;
}

// Each continuation as a separate request.
std::vector<GenerationRequest> split(const std::vector<GenerationRequest>& requests) {
  std::vector<GenerationRequest> alone;
  for (const GenerationRequest& request : requests) {
    for (const Continuation& continuation : request.continuations) {
      alone.push_back(request);
      alone.back().continuations = {continuation};
    }
  }
  return alone;
}

void expect_same_texts(const Answers& together, const Answers& alone) {
  ASSERT_EQ(together.size(), alone.size());
  auto other = alone.begin();
  for (const auto& [key, result] : together) {
    EXPECT_EQ(result.tokens, other->second.tokens)
        << "request " << key.first << ", continuation " << key.second;
    EXPECT_EQ(result.logprobs, other->second.logprobs);  // to the last bit
    EXPECT_EQ(result.reason, other->second.reason);
    ++other;
  }
}

TEST_P(Family, TextDoesNotDependOnTheBatch) {
  const InferenceLm model = load_tiny_for_inference(GetParam());
  const auto requests = mixed_requests(GetParam());
  const Answers alone = generate(model, split(requests), 1);
  for (const int64_t batch_size : {1, 2, 3, 16})
    expect_same_texts(generate(model, requests, batch_size), alone);
}

// Two such answers start in a cache of 8 blocks and need 10 to finish: the newer one is evicted and
// restarts.
std::vector<GenerationRequest> growing_requests(const char* family) {
  std::vector<GenerationRequest> requests;
  for (size_t i = 0; i < 5; ++i)
    requests.push_back({.prompt = prompt_of(family, i, i + 20), .max_new_tokens = 60});
  return requests;
}

GeneratorOptions eight_blocks(const ModelConfig& config) {
  constexpr int64_t kTokens = 8 * 16;
  const int64_t token_bytes = 2 * config.num_hidden_layers() * config.num_key_value_heads *
                              config.head_dim * static_cast<int64_t>(sizeof(float));
  return {.max_batch_size = 16, .kv_cache_bytes = kTokens * token_bytes};
}

TEST_P(Family, TextDoesNotDependOnTheCache) {
  const InferenceLm model = load_tiny_for_inference(GetParam());
  for (const auto& requests : {growing_requests(GetParam()), mixed_requests(GetParam())}) {
    const Answers alone = generate(model, split(requests), 1);
    expect_same_texts(generate(model, requests, eight_blocks(model.config())), alone);
  }
}

// Long prompts are prefilled in chunks alongside decoding sequences; the chunks are always the
// same.
TEST(Generator, LongPromptsInPieces) {
  const InferenceLm model = load_tiny_for_inference("llama");
  std::vector<int64_t> prompt;
  for (int64_t i = 0; i < 1100; ++i) prompt.push_back((i * 37 + i / 11) % 380);
  const std::vector<Head> heads{{2, 1}};
  const GenerationRequest request{.prompt = prompt,
                                  .continuations = {{}, {.masked_heads = heads, .random = {}}},
                                  .max_new_tokens = 8};
  const Answers alone = generate(model, split({request}), 1);
  std::vector<GenerationRequest> requests = mixed_requests("llama");
  requests.insert(requests.begin() + 3, request);
  const Answers together = generate(model, requests, 5);
  EXPECT_EQ(together.at({3, 0}).tokens, alone.at({0, 0}).tokens);
  EXPECT_EQ(together.at({3, 1}).tokens, alone.at({1, 0}).tokens);
  // The same without chunks: one forward pass over prompt and answer.
  const torch::NoGradGuard no_grad;
  prompt.insert(prompt.end(), alone.at({0, 0}).tokens.begin(), alone.at({0, 0}).tokens.end());
  const torch::Tensor best = model.logits(model.forward(whole_sequences({prompt}))).argmax(-1);
  for (int64_t i = 1100; i < 1108; ++i)
    EXPECT_EQ(best[i - 1].item<int64_t>(), prompt[static_cast<size_t>(i)]) << "position " << i;
}

TEST(Generator, RefusesAPromptThatTheCacheCannotHold) {
  const InferenceLm model = load_tiny_for_inference("llama");
  const GenerationRequest request{.prompt = prompt_of("llama", 0, 40), .max_new_tokens = 24};
  expect_user_error([&] { generate(model, {request}, GeneratorOptions{.kv_cache_bytes = 1}); },
                    {"--kv-cache-mib"});
}

TEST_P(Family, MaskedRowsFollowTheMaskedModel) {
  const torch::NoGradGuard no_grad;
  const InferenceLm model = load_tiny_for_inference(GetParam());
  CausalLm weights = load_tiny(GetParam());
  const std::vector<Head> heads{{0, 0}, {1, 3}, {3, 1}};
  for (auto& [name, parameter] : weights.parameters()) {
    for (const Head& head : heads) {
      if (name != "model.layers." + std::to_string(head.layer) + ".self_attn.o_proj.weight")
        continue;
      const ColumnRange columns = output_columns(model.config(), head.head);
      parameter.slice(1, columns.begin, columns.end).zero_();
    }
  }
  const InferenceLm masked = InferenceLm::with_libtorch(std::move(weights));
  const GenerationRequest plain{.prompt = prompt_of(GetParam(), 0, 40), .max_new_tokens = 24};
  GenerationRequest gated = plain;
  gated.continuations = {{.masked_heads = heads, .random = {}}};
  const Answers mixed = generate(model, {plain, gated}, 2);
  EXPECT_EQ(mixed.at({0, 0}).tokens, Golden(GetParam()).ids("greedy"));
  EXPECT_EQ(mixed.at({1, 0}).tokens, generate(masked, {plain}, 1).at({0, 0}).tokens);
}

// Teacher forcing beside an answer under the same mask, and under another one.
TEST_P(Family, ForcedTokensHaveTheLogprobsOfTheWholeSequence) {
  const InferenceLm model = load_tiny_for_inference(GetParam(), torch::kFloat32);
  const std::vector<int64_t> prompt = prompt_of(GetParam(), 0, 60);
  const std::vector<int64_t> forced = prompt_of(GetParam(), 20, 32);
  const std::vector<Head> masked = {{1, 0}, {2, 3}};
  const Answers answers =
      generate(model,
               {{.prompt = prompt,
                 .continuations = {{.masked_heads = masked},
                                   {.masked_heads = masked, .forced_tokens = forced},
                                   {.forced_tokens = forced}},
                 .max_new_tokens = 12,
                 .stop_ids = {forced[3]}}},
               4);
  std::vector<int64_t> whole = prompt;
  whole.insert(whole.end(), forced.begin(), forced.end());
  const torch::InferenceMode inference;
  for (const auto& [continuation, heads] :
       {std::pair<size_t, std::vector<Head>>{1, masked}, {2, {}}}) {
    const GenerationResult& result = answers.at({0, continuation});
    EXPECT_EQ(result.tokens, forced);
    const torch::Tensor expected = token_logprobs(model, {whole}, {60}, heads).front();
    for (size_t i = 0; i < forced.size(); ++i)
      EXPECT_NEAR(result.logprobs[i], expected[static_cast<int64_t>(i)].item<double>(), 1e-4);
  }
  const Answers alone = generate(model,
                                 {{.prompt = prompt,
                                   .continuations = {{.masked_heads = masked}},
                                   .max_new_tokens = 12,
                                   .stop_ids = {forced[3]}}},
                                 1);
  EXPECT_EQ(answers.at({0, 0}).tokens, alone.at({0, 0}).tokens);
}

// Tokens forced in the middle of an answer: what follows is as if they stood in the prompt.
TEST_P(Family, ForcedTokensInAnAnswerAreContinued) {
  const InferenceLm model = load_tiny_for_inference(GetParam(), torch::kFloat32);
  const std::vector<int64_t> prompt = prompt_of(GetParam(), 0, 40);
  const std::vector<int64_t> inserted = prompt_of(GetParam(), 50, 53);
  constexpr size_t kBegin = 5;
  GenerationRequest forced{.prompt = prompt, .max_new_tokens = 20};
  forced.token_forcer = [&](std::span<const int64_t> tokens) -> std::optional<int64_t> {
    if (tokens.size() < kBegin || tokens.size() >= kBegin + inserted.size()) return std::nullopt;
    return inserted[tokens.size() - kBegin];
  };
  const GenerationRequest plain{.prompt = prompt, .max_new_tokens = 20};
  const GenerationResult result = generate(model, {forced, plain}, 2).at({0, 0});
  EXPECT_EQ(generate(model, {plain, forced}, 1).at({1, 0}).tokens, result.tokens);
  const std::vector<int64_t> greedy = Golden(GetParam()).ids("greedy");
  std::vector<int64_t> start(greedy.begin(), greedy.begin() + kBegin);
  start.insert(start.end(), inserted.begin(), inserted.end());
  ASSERT_EQ(result.tokens.size(), 20U);
  std::vector<int64_t> whole = prompt;
  whole.insert(whole.end(), start.begin(), start.end());
  const GenerationRequest rest{.prompt = whole, .max_new_tokens = 12};
  const std::vector<int64_t> continued = generate(model, {rest}, 1).at({0, 0}).tokens;
  start.insert(start.end(), continued.begin(), continued.end());
  EXPECT_EQ(result.tokens, start);
}

TEST(Generator, StopsAtAStopToken) {
  const InferenceLm model = load_tiny_with_libtorch("llama");
  const auto greedy = Golden("llama").ids("greedy");
  const Answers answers = generate(
      model,
      {{.prompt = prompt_of("llama", 0, 40), .max_new_tokens = 24, .stop_ids = {greedy[3]}}},
      1);
  const auto& tokens = answers.at({0, 0}).tokens;
  EXPECT_EQ(answers.at({0, 0}).reason, FinishReason::stop_id);
  EXPECT_EQ(tokens.back(), greedy[3]);
  EXPECT_LE(tokens.size(), 4U);
}

// The rule is called from the first token of each answer on, and the text before the stop is the
// same as without it.
TEST_P(Family, StopsWhereTheRuleHolds) {
  const InferenceLm model = load_tiny_for_inference(GetParam());
  std::vector<GenerationRequest> requests = mixed_requests(GetParam());
  for (GenerationRequest& request : requests) {
    request.stop_ids.clear();
    request.max_new_tokens = 40;
  }
  const Answers whole = generate(model, requests, 16);
  const auto holds = [](std::span<const int64_t> tokens) {
    return tokens.size() >= 2 && (tokens.back() + tokens[tokens.size() - 2]) % 7 == 0;
  };
  for (GenerationRequest& request : requests) request.stop_rule = holds;
  const Answers stopped = generate(model, requests, 16);
  size_t ended_by_rule = 0;
  for (const auto& [key, result] : whole) {
    size_t length = 1;
    const auto first = [&] { return std::span(result.tokens).first(length); };
    while (length < result.tokens.size() && !holds(first())) ++length;
    const GenerationResult& found = stopped.at(key);
    EXPECT_EQ(found.tokens, std::vector(first().begin(), first().end()));
    EXPECT_EQ(found.logprobs.size(), length);
    EXPECT_EQ(found.reason, holds(first()) ? FinishReason::stop_rule : FinishReason::length);
    ended_by_rule += found.reason == FinishReason::stop_rule ? 1 : 0;
  }
  EXPECT_GT(ended_by_rule, 0U);
  expect_same_texts(generate(model, requests, 2), generate(model, split(requests), 1));
  expect_same_texts(generate(model, requests, eight_blocks(model.config())),
                    generate(model, split(requests), 1));
}

TEST(Generator, ObserverSeesEachStepOfEachRow) {
  const InferenceLm model = load_tiny_for_inference("olmo3");
  auto requests = mixed_requests("olmo3");
  for (auto& request : requests) request.continuations.resize(1);
  std::map<size_t, std::vector<int64_t>> seen;
  torch::Tensor first_keys;
  const Answers answers =
      generate(model, requests, 4, [&](size_t request, size_t, int64_t token, const auto& keys) {
        EXPECT_EQ(keys.sizes(), (std::vector<int64_t>{4, 4}));
        if (request == 2 && seen[request].empty()) first_keys = keys.clone();
        seen[request].push_back(token);
      });
  for (const auto& [key, result] : answers) EXPECT_EQ(seen.at(key.first), result.tokens);
  // The first query is the last token of the prompt.
  const torch::NoGradGuard no_grad;
  AttentionProbe probe;
  PackedBatch batch = whole_sequences({requests[2].prompt});
  batch.probe = &probe;
  model.forward(batch);
  EXPECT_TRUE(torch::equal(first_keys, probe.largest_keys()[0]));
}

// Queries of a prompt read in chunks, with their keys in the cache, against a whole forward pass.
TEST(Generator, VisitedRowsAreThoseOfTheWholeSequence) {
  const auto half = prompt_of("olmo3", 0, 300);
  std::vector<int64_t> prompt = half;
  while (prompt.size() < 1100) prompt.insert(prompt.end(), half.rbegin(), half.rend());
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    for (const auto load : {load_tiny_for_inference, load_tiny_with_libtorch}) {
      const InferenceLm model = load("olmo3", dtype);
      // Across two chunks, and from the prompt into the answer.
      for (const RowRange rows : {RowRange{500, 520}, RowRange{1195, 1204}}) {
        const std::vector<GenerationRequest> requests = {
            {.prompt = half, .max_new_tokens = 4},
            {.prompt = prompt, .max_new_tokens = 9, .visited_rows = rows}};
        std::map<int64_t, std::vector<torch::Tensor>> outputs;  // by layer: parts of [H, n, D]
        std::vector<int64_t> tokens = prompt;
        const auto output_of = [](const AttentionRows& visited) {
          const torch::Tensor values =  // [H, K, D]
              visited.values.repeat_interleave(2, /*dim=*/1).transpose(0, 1).to(torch::kFloat32);
          return torch::matmul(visited.weights(), values);  // [H, n, D]
        };
        Generator(model, {.max_batch_size = 2})
            .run(
                source_of(requests),
                [&](size_t request, size_t, const GenerationResult& result) {
                  if (request == 1)
                    tokens.insert(tokens.end(), result.tokens.begin(), result.tokens.end());
                },
                /*observer=*/nullptr,
                /*times=*/nullptr,
                [&](size_t request, size_t, const AttentionRows& visited) {
                  EXPECT_EQ(request, 1u);
                  outputs[visited.layer].push_back(output_of(visited).clone());
                });
        ASSERT_EQ(outputs.size(), 4u);
        const torch::NoGradGuard no_grad;
        AttentionReader reader{.rows = {rows}, .read = [&](size_t, const AttentionRows& whole) {
                                 const torch::Tensor parts = torch::cat(outputs.at(whole.layer), 1);
                                 EXPECT_LT(relative_error(parts, output_of(whole)),
                                           dtype == torch::kFloat32 ? 1e-4 : 0.05);
                               }};
        PackedBatch batch = whole_sequences({tokens});
        batch.reader = &reader;
        model.forward(batch);
      }
    }
  }
}

TEST(Generator, ObserverSeesNoStepTwice) {
  const InferenceLm model = load_tiny_for_inference("llama");
  const auto requests = growing_requests("llama");
  std::map<size_t, std::vector<int64_t>> seen;
  const Answers answers = generate(
      model,
      requests,
      eight_blocks(model.config()),
      [&](size_t request, size_t, int64_t token, const auto&) { seen[request].push_back(token); });
  for (const auto& [key, result] : answers) EXPECT_EQ(seen.at(key.first), result.tokens);
}

TEST(Generator, RefusesWhatCannotBeAnswered) {
  const InferenceLm model = load_tiny_with_libtorch("llama");
  const auto refused = [&](const GenerationRequest& request) {
    EXPECT_THROW(generate(model, {request}, 1), UserError);
  };
  refused({.prompt = {}, .max_new_tokens = 4});
  refused({.prompt = {1, 2}, .max_new_tokens = 0});
  refused({.prompt = {1, 2}, .max_new_tokens = 4096});
  refused({.prompt = {1, 384}, .max_new_tokens = 4});
  refused({.prompt = {1, 2},
           .continuations = {{.masked_heads = {{9, 0}}, .random = {}}},
           .max_new_tokens = 4});
}

}  // namespace
}  // namespace retmask
