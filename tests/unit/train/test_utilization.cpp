#include <gtest/gtest.h>
#include <torch/cuda.h>

#include "retmask/model/device.h"
#include "retmask/train/utilization.h"

namespace retmask::train {
namespace {

// A small Llama. Norm weights count too, few as they are.
ModelConfig small_config() {
  ModelConfig config;
  config.model_type = "llama";
  config.vocab_size = 100;
  config.hidden_size = 8;
  config.intermediate_size = 20;
  config.num_attention_heads = 2;
  config.num_key_value_heads = 1;
  config.head_dim = 6;
  config.max_positions = 64;
  config.layers.resize(3);
  return config;
}

// Computed by hand: per layer q 12x8, k and v 6x8, o 8x12, gate, up, down 20x8, two norms of 8;
// one norm at the end.
constexpr double kBody = 3 * (96 + 48 + 48 + 96 + 3 * 160 + 16) + 8;
constexpr double kHead = 100 * 8;

TEST(TrainingFlops, CountsAsPalmDoes) {
  const TrainingFlops flops(small_config());
  EXPECT_EQ(flops.of_sequence(/*tokens=*/10, /*scored_tokens=*/10),
            6 * (kBody + kHead) * 10 + 12.0 * 3 * 2 * 6 * 10 * 10);
}

TEST(TrainingFlops, TheHeadWorksForScoredTokensAlone) {
  const TrainingFlops flops(small_config());
  EXPECT_EQ(flops.of_sequence(10, 10) - flops.of_sequence(10, 4), 6 * kHead * 6);
}

TEST(TrainingFlops, TiedWeightsAreTheHeadsAndNotTheEmbeddings) {
  ModelConfig tied = small_config();
  tied.tie_word_embeddings = true;
  EXPECT_EQ(TrainingFlops(tied).of_sequence(10, 4),
            TrainingFlops(small_config()).of_sequence(10, 4));
}

TEST(TrainingFlops, AWindowLimitsAttention) {
  ModelConfig windowed = small_config();
  windowed.layers[1].sliding_window = 4;
  const double saved =
      TrainingFlops(small_config()).of_sequence(10, 1) - TrainingFlops(windowed).of_sequence(10, 1);
  EXPECT_EQ(saved, 12.0 * 2 * 6 * (10 - 4) * 10);
  EXPECT_EQ(TrainingFlops(windowed).of_sequence(3, 1),
            TrainingFlops(small_config()).of_sequence(3, 1));
}

TEST(TrainingFlops, BothSequencesOfARowCount) {
  const TrainingFlops flops(small_config());
  std::vector<TrainingExample> examples(2);
  examples[0] = {.where = "a", .prompt = {1, 2, 3}, .chosen = {4, 5}, .rejected = {6, 7, 8, 9}};
  examples[1] = {.where = "b", .prompt = {1, 2}, .chosen = {4}, .rejected = {}};
  EXPECT_EQ(flops.of_rows(examples, {0, 1}),
            flops.of_sequence(5, 2) + flops.of_sequence(7, 4) + flops.of_sequence(3, 1));
}

TEST(Utilization, ThisMachineHasAPeakAndUsesMemory) {
  for (const auto dtype : {torch::kFloat32, torch::kBFloat16}) {
    const double peak = measure_peak_flops(torch::kCPU, dtype);
    EXPECT_GT(peak, 1e8);   // slower than any CPU that runs this
    EXPECT_LT(peak, 1e15);  // faster
  }
  const int64_t before = peak_memory(torch::kCPU);
  EXPECT_GT(before, 10 << 20);
  const torch::Tensor large = torch::ones({256 << 20}, torch::kUInt8);
  EXPECT_GE(peak_memory(torch::kCPU), before);
  EXPECT_GT(peak_memory(torch::kCPU), 256 << 20);
}

TEST(Utilization, AGpusAllocatorKnowsItsPeak) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "no CUDA device";
  const torch::Device device(torch::kCUDA, 0);
  EXPECT_GT(measure_peak_flops(device, torch::kBFloat16), 1e12);
  EXPECT_GE(peak_memory(device), 3 * 8192 * 8192 * 2);
}

}  // namespace
}  // namespace retmask::train
