#include <gtest/gtest.h>

#include <algorithm>

#include "retmask/model/language_model.h"
#include "retmask/train/memory_plan.h"

namespace retmask::train {
namespace {

constexpr int64_t kMebibyte = 1 << 20;

// SmolLM2-135M: 134,515,008 weights, 28,311,552 of them the tied embedding.
ModelConfig smollm2() {
  return parse_model_config({{"model_type", "llama"},
                             {"vocab_size", 49152},
                             {"hidden_size", 576},
                             {"intermediate_size", 1536},
                             {"num_hidden_layers", 30},
                             {"num_attention_heads", 9},
                             {"num_key_value_heads", 3},
                             {"max_position_embeddings", 8192},
                             {"rms_norm_eps", 1e-5},
                             {"rope_theta", 100000},
                             {"tie_word_embeddings", true},
                             {"torch_dtype", "bfloat16"}},
                            "config.json");
}

TEST(MemoryPlan, CountsWeightsOnceForEachOfTheirCopies) {
  const MemoryPlan plan = plan_memory(smollm2(), {.pass = {.tokens = 1000, .scored_tokens = 500}});
  EXPECT_EQ(plan.weights, 134515008 * 2);
  EXPECT_EQ(plan.master_weights, 134515008 * 2);
  EXPECT_EQ(plan.optimizer, 134515008 * 8);
  EXPECT_EQ(plan.gradients, 134515008 * 4);
  const MemoryPlan exact = plan_memory(
      smollm2(), {.dtype = torch::kFloat32, .pass = {.tokens = 1000, .scored_tokens = 500}});
  EXPECT_EQ(exact.weights, 134515008 * 4);
  EXPECT_EQ(exact.master_weights, 0);  // the network's own
}

TEST(MemoryPlan, CountsWhatALayerKeeps) {
  MemoryCase memory_case{.pass = {.tokens = 1000, .scored_tokens = 500}};
  // 4 x 576 of the residual stream and norms, 2 x 576 queries and output, 2 x 192 keys and values,
  // 3 x 1536 of the MLP: 8448 elements of 2 bytes, and 9 float32 sums.
  EXPECT_EQ(plan_memory(smollm2(), memory_case).activations, 1000 * 30 * (8448 * 2 + 9 * 4));
  memory_case.activation_checkpointing = ActivationCheckpointing::selective;
  EXPECT_EQ(plan_memory(smollm2(), memory_case).activations,
            1000 * 30 * ((8448 - 2 * 576 - 1536) * 2 + 9 * 4));
  memory_case.activation_checkpointing = ActivationCheckpointing::full;
  EXPECT_EQ(plan_memory(smollm2(), memory_case).activations,
            1000 * (30 * 576 * 2 + 8448 * 2 + 9 * 4));
}

TEST(MemoryPlan, StagesShareMoreAndMore) {
  MemoryCase memory_case{.ranks = 4, .pass = {.tokens = 1000, .scored_tokens = 500}};
  const auto of_stage = [&](int64_t stage) {
    memory_case.zero_stage = stage;
    return plan_memory(smollm2(), memory_case);
  };
  EXPECT_EQ(of_stage(0).optimizer, 134515008 * 8);
  EXPECT_EQ(of_stage(1).optimizer, 134515008 * 2);
  constexpr int64_t kEmbedding = 28311552;
  constexpr int64_t kLayer = (134515008 - kEmbedding) / 30;
  EXPECT_EQ(of_stage(0).gradients, 134515008 * 4);
  EXPECT_EQ(of_stage(1).gradients, (134515008 + kEmbedding) * 4) << "Gloo's copy";
  EXPECT_EQ(of_stage(2).gradients, (134515008 / 4 + 2 * kEmbedding + 2 * kLayer) * 4);
  EXPECT_EQ(of_stage(2).weights, 134515008 * 2);
  EXPECT_EQ(of_stage(3).weights, (134515008 / 4 + kEmbedding + kLayer) * 2);
  memory_case.device = torch::kCUDA;
  EXPECT_EQ(of_stage(1).gradients, 134515008 * 4);
  EXPECT_EQ(of_stage(2).gradients, (134515008 / 4 + kEmbedding + 2 * kLayer) * 4);
}

// With a single micro-batch per step, gradient sums are allocated as activations are released.
TEST(MemoryPlan, OfAnOnlyPassTheLargerOfKeptAndSums) {
  const auto plan_of = [](int64_t tokens, bool only, torch::Device device = torch::kCPU) {
    return plan_memory(smollm2(),
                       {.device = device,
                        .dtype = torch::kFloat32,
                        .pass = {.tokens = tokens, .scored_tokens = tokens, .only = only}});
  };
  EXPECT_EQ(plan_of(100, true).gradients, 134515008 * 4);
  EXPECT_EQ(plan_of(100, true).activations, 0);
  EXPECT_EQ(plan_of(100, true).total(),
            plan_of(100, false).total() - plan_of(100, false).activations);
  EXPECT_EQ(plan_of(8000, true).gradients, 0);
  EXPECT_EQ(plan_of(8000, true).activations, plan_of(8000, false).activations);
  EXPECT_GT(plan_of(8000, false).gradients, 0);
  EXPECT_EQ(plan_of(8000, true, torch::kCUDA).gradients, 134515008 * 4);
}

// On a GPU the softmax of a chunk of logits makes a float32 copy, and the rotation of the queries
// runs in float32.
TEST(MemoryPlan, CountsFloat32CopiesOfAGpu) {
  ModelConfig config = smollm2();
  const auto working = [&](torch::Device device, int64_t tokens) {
    return plan_memory(config,
                       {.device = device, .pass = {.tokens = tokens, .scored_tokens = tokens}})
        .working;
  };
  const int64_t states = 4 * 400 * 576 * 2;
  EXPECT_EQ(working(torch::kCUDA, 400),
            400 * int64_t{49152} * (2 + 4) + int64_t{28311552} * 2 + states);
  config.intermediate_size = 64;  // so that attention is the larger part
  EXPECT_EQ(working(torch::kCUDA, 800'000), 28311552 * 2 + int64_t{800'000} * 576 * (4 + 12));
}

// Where products run on float32 copies: those of a chunk's logits, of the head's weight and of its
// gradient.
TEST(MemoryPlan, CountsFloat32CopiesOfProducts) {
  const int64_t copies = widens_products(torch::kBFloat16, torch::kCPU) ? 4 : 0;
  const MemoryPlan plan = plan_memory(smollm2(), {.pass = {.tokens = 1000, .scored_tokens = 400}});
  const int64_t head = 400 * int64_t{49152} * (2 + copies) + int64_t{28311552} * (2 + 2 * copies) +
                       (2 * 1000 + 2 * 400) * 576 * 2;
  const int64_t embedding = 3 * int64_t{28311552} * 2;
  EXPECT_EQ(plan.working, std::max(head, embedding) + (int64_t{96} << 20));
}

TEST(MemoryPlan, KeepsAsMuchAsThereIsRoomFor) {
  const MemoryCase memory_case{.pass = {.tokens = 8192, .scored_tokens = 8000}};
  const auto total = [&](ActivationCheckpointing mode) {
    MemoryCase with_mode = memory_case;
    with_mode.activation_checkpointing = mode;
    return plan_memory(smollm2(), with_mode).total();
  };
  using enum ActivationCheckpointing;
  const auto choose = [&](int64_t available) {
    return choose_activation_checkpointing(
        smollm2(), memory_case, {.process = 100 * kMebibyte, .available = available});
  };
  EXPECT_EQ(choose(total(none) + 100 * kMebibyte), none);
  EXPECT_EQ(choose(total(none) + 99 * kMebibyte), selective);
  EXPECT_EQ(choose(total(selective) + 99 * kMebibyte), full);
  EXPECT_EQ(choose(0), full);
}

TEST(MemoryPlan, TheLargestPass) {
  std::vector<TrainingExample> examples;
  for (const int64_t answer : {10, 300, 50, 200}) {
    const TokenIds tokens(static_cast<size_t>(answer), 1);
    examples.push_back({.where = "", .prompt = {1}, .chosen = tokens, .rejected = tokens});
  }
  // 22, 602, 102 and 402 tokens.
  Options options;
  options.shuffle = false;
  const auto expect = [&](int64_t ranks, int64_t tokens, int64_t scored_tokens, bool only) {
    const LargestMicroBatch micro_batch =
        largest_micro_batch(examples, options, ranks, /*hidden_size=*/64);
    EXPECT_EQ(micro_batch.tokens, tokens);
    EXPECT_EQ(micro_batch.scored_tokens, scored_tokens);
    EXPECT_EQ(micro_batch.only, only);
  };
  options.micro_batch_tokens = 1000;
  options.global_batch_size = 2;
  expect(/*ranks=*/1, 624, 620, true);
  expect(/*ranks=*/2, 602, 600, true);
  options.global_batch_size = 4;
  expect(/*ranks=*/1, 726, 720, false);
  options.micro_batch_tokens = 100;  // at least one row
  expect(/*ranks=*/1, 602, 600, false);
  options.global_batch_size = 1;
  expect(/*ranks=*/1, 602, 600, true);
  options.max_steps = 1;  // never reaches the longer rows
  expect(/*ranks=*/1, 22, 20, true);
}

}  // namespace
}  // namespace retmask::train
