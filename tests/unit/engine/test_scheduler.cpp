// Block accounting of the scheduler without a model: tokens are made up.

#include <gtest/gtest.h>

#include "scheduler.h"
#include "unit/support/golden.h"

namespace retmask {
namespace {

constexpr int64_t kBlocks = 60;
constexpr int64_t kBatchSize = 4;

class SchedulerTest : public ::testing::Test {
 protected:
  // `prompt_size` tokens, with `continuations` of the same policy.
  static GenerationRequest request(size_t prompt_size, size_t continuations) {
    return {.prompt = std::vector<int64_t>(prompt_size, 1),
            .continuations = std::vector<Continuation>(continuations),
            .max_new_tokens = 240};
  }
  Scheduler make(const std::vector<GenerationRequest>& requests) {
    source_ = source_of(requests);
    return {config_, source_, {.max_batch_size = kBatchSize, .prefill = prefill_}, pool_};
  }
  static void read_chunks(Scheduler& scheduler) {
    for (const PrefillChunk& chunk : scheduler.next_chunks()) scheduler.finish(chunk, [] {});
    scheduler.drop_finished_prefills();
  }
  static void grow(Scheduler& scheduler) {
    for (Sequence& sequence : scheduler.sequences()) sequence.result.tokens.push_back(7);
  }

  const ModelConfig config_ = testing::load_tiny("llama").config();
  PrefillPolicy prefill_ = prefill_policy({}, torch::kCPU);
  BlockPool pool_{config_, torch::TensorOptions(torch::kFloat32), kBlocks, /*reserve=*/false};
  RequestSource source_;
};

// The sequence grows during the prefill of the long prompt until no block is free: the prompt goes
// back to the queue and frees all its blocks, spare ones included, and the sequence stays.
TEST_F(SchedulerTest, APromptThatIsBeingReadGoesBackToTheQueue) {
  const std::vector<GenerationRequest> requests{request(20, 1), request(700, 3)};
  Scheduler scheduler = make(requests);
  scheduler.admit();
  read_chunks(scheduler);
  ASSERT_EQ(scheduler.sequences().size(), 1U);
  // 2 blocks of the sequence, 44 of the long prompt and 2 for its other two continuations.
  ASSERT_EQ(pool_.num_free(), kBlocks - 2 - 44 - 2);

  read_chunks(scheduler);
  while (pool_.num_free() > 0) {
    grow(scheduler);
    scheduler.make_room();
  }
  const size_t sequence_blocks = scheduler.sequences().front().blocks.size();
  ASSERT_EQ(sequence_blocks, 14U) << "all that the prompt does not hold";
  const std::vector<PrefillChunk> chunks = scheduler.next_chunks();
  ASSERT_EQ(chunks.size(), 1U);
  EXPECT_EQ(chunks[0].begin, prefill_.chunk_tokens) << "half of the prompt has been read";

  while (scheduler.sequences().front().blocks.size() == sequence_blocks) {
    grow(scheduler);
    scheduler.make_room();
  }
  EXPECT_EQ(scheduler.sequences().size(), 1U);
  EXPECT_TRUE(scheduler.next_chunks().empty());
  EXPECT_EQ(pool_.num_free(), kBlocks - static_cast<int64_t>(sequence_blocks) - 1);

  // It restarts once there is room, from its first token and with all its continuations.
  scheduler.admit();
  EXPECT_TRUE(scheduler.next_chunks().empty()) << "no room yet";
  scheduler.retire([](Sequence&) { return true; }, [](const Sequence&) {});
  EXPECT_EQ(pool_.num_free(), kBlocks);
  scheduler.admit();
  ASSERT_EQ(scheduler.next_chunks().size(), 1U);
  EXPECT_EQ(scheduler.next_chunks()[0].begin, 0);
  while (!scheduler.next_chunks().empty()) read_chunks(scheduler);
  ASSERT_EQ(scheduler.sequences().size(), 3U);
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(scheduler.sequences()[i].continuation, i);
  scheduler.retire([](Sequence&) { return true; }, [](const Sequence&) {});
  EXPECT_TRUE(scheduler.is_idle());
  EXPECT_EQ(pool_.num_free(), kBlocks);
}

// Among prompts in prefill the newest is evicted.
TEST_F(SchedulerTest, TheNewestPromptGoesFirst) {
  const std::vector<GenerationRequest> requests{request(20, 1), request(600, 1), request(100, 1)};
  Scheduler scheduler = make(requests);
  scheduler.admit();
  ASSERT_EQ(pool_.num_free(), kBlocks - 2 - 38 - 7);
  const std::vector<PrefillChunk> chunks = scheduler.next_chunks();
  ASSERT_EQ(chunks.size(), 1U) << "20 tokens; 512 more are too many for one step";
  read_chunks(scheduler);
  while (scheduler.sequences().front().blocks.size() < 16) {
    grow(scheduler);
    scheduler.make_room();
  }
  ASSERT_EQ(scheduler.sequences().size(), 1U);
  ASSERT_EQ(scheduler.next_chunks().size(), 1U);
  EXPECT_EQ(scheduler.next_chunks()[0].prefill->prompt().size(), 600U);
  EXPECT_EQ(pool_.num_free(), kBlocks - 16 - 38) << "its blocks went with it, and no others";
}

// While sequences decode, short prompts wait until they are worth a prefill together.
TEST_F(SchedulerTest, PromptsWaitForEachOther) {
  prefill_ = {.chunk_tokens = 512, .step_tokens = 512, .least_tokens = 60, .least_rows = 3};
  const auto chunks_after_two = [&](const std::vector<GenerationRequest>& requests) {
    Scheduler scheduler = make(requests);
    scheduler.admit();
    EXPECT_EQ(scheduler.next_chunks().size(), 4U) << "nothing decodes yet";
    read_chunks(scheduler);
    // Two of the first four end, and up to two others are admitted.
    const auto ends = [](Sequence& sequence) { return sequence.request->index < 2; };
    scheduler.retire(ends, [](const Sequence&) {});
    scheduler.admit();
    const size_t chunks = scheduler.next_chunks().size();
    while (!scheduler.is_idle()) {
      read_chunks(scheduler);
      scheduler.retire([](Sequence&) { return true; }, [](const Sequence&) {});
      scheduler.admit();
    }
    return chunks;
  };
  const std::vector<GenerationRequest> first(4, request(20, 1));
  const auto with = [&](std::vector<GenerationRequest> more) {
    std::vector<GenerationRequest> requests = first;
    requests.insert(requests.end(), more.begin(), more.end());
    return requests;
  };
  EXPECT_EQ(chunks_after_two(with({request(20, 1), request(20, 1), request(20, 1)})), 0U)
      << "40 tokens, two rows, and another may come";
  EXPECT_EQ(chunks_after_two(with({request(30, 1), request(30, 1), request(20, 1)})), 2U)
      << "60 tokens";
  EXPECT_EQ(chunks_after_two(with({request(20, 1)})), 1U) << "no other will come";
}

// On a GPU at most one row in 32 waits.
TEST_F(SchedulerTest, OnlyLargeBatchesOnGpusWait) {
  const PrefillPolicy cpu = prefill_policy({.max_batch_size = 256}, torch::kCPU);
  EXPECT_EQ(cpu.least_rows, 0);
  EXPECT_EQ(cpu.chunk_tokens, 512);
  EXPECT_EQ(prefill_policy({.max_batch_size = 16}, torch::kCUDA).least_rows, 0);
  EXPECT_EQ(prefill_policy({.max_batch_size = 64}, torch::kCUDA).least_rows, 2);
  EXPECT_EQ(prefill_policy({.max_batch_size = 256}, torch::kCUDA).least_rows, 8);
  EXPECT_EQ(prefill_policy({}, torch::kCUDA).chunk_tokens, 8192);
  EXPECT_EQ(prefill_policy({.prefill_tokens = 100}, torch::kCUDA).step_tokens, 100);
}

}  // namespace
}  // namespace retmask
