// Blocks that later prompts with the same beginning use again: names of blocks, the pool that keeps
// them, and the scheduler that shares them, without a model.

#include <gtest/gtest.h>

#include "scheduler.h"
#include "unit/support/golden.h"

namespace retmask {
namespace {

// count(5, 3) is {5, 6, 7}. Within the vocabulary of the tiny models.
std::vector<int64_t> count(int64_t first, size_t size) {
  constexpr int64_t kVocabulary = 383;
  std::vector<int64_t> tokens;
  while (tokens.size() < size) tokens.push_back(first++ % kVocabulary);
  return tokens;
}

std::vector<int64_t> operator+(std::vector<int64_t> a, const std::vector<int64_t>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

using Blocks = std::vector<int32_t>;

TEST(PrefixCache, FindsTheLongestBeginning) {
  PrefixCache cache;
  cache.add(0, count(0, 50), Blocks{7, 8, 9, 5});
  EXPECT_EQ(cache.find(0, count(0, 50), 99), (Blocks{7, 8, 9})) << "the last block is not full";
  EXPECT_EQ(cache.find(0, count(0, 47), 99), (Blocks{7, 8}));
  EXPECT_EQ(cache.find(0, count(0, 50), 1), (Blocks{7}));
  EXPECT_EQ(cache.find(0, count(0, 31) + count(99, 30), 99), (Blocks{7}));
  EXPECT_EQ(cache.find(0, count(1, 50), 99), (Blocks{}));
  EXPECT_EQ(cache.find(0, count(16, 32), 99), (Blocks{})) << "other tokens before it";
  EXPECT_EQ(cache.find(1, count(0, 50), 99), (Blocks{})) << "another policy";
  EXPECT_FALSE(cache.holds(5));
}

TEST(PrefixCache, KeepsTheFirstOfEqualBlocks) {
  PrefixCache cache;
  cache.add(0, count(0, 32), Blocks{1, 2});
  cache.add(0, count(0, 48), Blocks{1, 3, 4});
  EXPECT_EQ(cache.find(0, count(0, 48), 99), (Blocks{1, 2, 4}));
  EXPECT_FALSE(cache.holds(3));
}

TEST(PrefixCache, ForgottenBlocksAreNotFound) {
  PrefixCache cache;
  cache.add(0, count(0, 48), Blocks{1, 2, 3});
  cache.forget(9);
  cache.forget(2);
  EXPECT_FALSE(cache.holds(2));
  EXPECT_EQ(cache.find(0, count(0, 48), 99), (Blocks{1}));
  // The third block stood behind the one that is gone, which had other keys and values perhaps.
  cache.add(0, count(0, 32), Blocks{1, 2});
  EXPECT_EQ(cache.find(0, count(0, 48), 99), (Blocks{1, 2}));
}

class SharingTest : public ::testing::Test {
 protected:
  static constexpr int64_t kBlocks = 60;

  static GenerationRequest request(std::vector<int64_t> prompt, std::vector<Head> masked = {}) {
    return {.prompt = std::move(prompt),
            .continuations = {{.masked_heads = std::move(masked), .random = {}}},
            .max_new_tokens = 40};
  }
  Scheduler make(const std::vector<GenerationRequest>& requests, bool prefix_cache = true) {
    source_ = source_of(requests);
    return {config_,
            source_,
            {.max_batch_size = 4, .prefill = prefill_, .prefix_cache = prefix_cache},
            pool_};
  }
  // One step: [begin, end) of each prompt.
  std::vector<std::pair<int64_t, int64_t>> read(Scheduler& scheduler) const {
    std::vector<std::pair<int64_t, int64_t>> pieces;
    for (const PrefillChunk& chunk : scheduler.next_chunks()) {
      pieces.emplace_back(chunk.begin, chunk.end);
      scheduler.finish(chunk, [] {});
    }
    scheduler.drop_finished_prefills();
    return pieces;
  }
  static void end_all(Scheduler& scheduler) {
    scheduler.retire([](Sequence&) { return true; }, [](const Sequence&) {});
  }
  static void grow(Scheduler& scheduler) {
    for (Sequence& sequence : scheduler.sequences()) sequence.result.tokens.push_back(7);
    scheduler.make_room();
  }
  using Pieces = std::vector<std::pair<int64_t, int64_t>>;

  const ModelConfig config_ = testing::load_tiny("llama").config();
  PrefillPolicy prefill_ = prefill_policy({}, torch::kCPU);
  BlockPool pool_{config_, torch::TensorOptions(torch::kFloat32), kBlocks, /*reserve=*/false};
  RequestSource source_;
};

TEST_F(SharingTest, PoolGivesTheLongestFreeBlocksAwayLast) {
  Blocks blocks;
  for (int i = 0; i < 4; ++i) blocks.push_back(pool_.take());
  pool_.prefixes().add(0, count(0, 48), Blocks{blocks.begin(), blocks.begin() + 3});
  for (const int i : {3, 2, 1, 0}) pool_.release(blocks[static_cast<size_t>(i)]);
  EXPECT_EQ(pool_.num_free(), kBlocks) << "known content does not occupy a block";
  // A hit makes the first block the newest again.
  pool_.retain(blocks[2]);
  EXPECT_EQ(pool_.num_free(), kBlocks - 1);
  pool_.release(blocks[2]);

  for (int64_t i = 0; i < kBlocks - 3; ++i) {
    const int32_t block = pool_.take();
    EXPECT_FALSE(pool_.prefixes().holds(block)) << "others are free";
  }
  EXPECT_EQ(pool_.take(), blocks[1]);
  EXPECT_EQ(pool_.take(), blocks[0]);
  EXPECT_TRUE(pool_.prefixes().holds(blocks[2]));
  EXPECT_EQ(pool_.take(), blocks[2]);
  EXPECT_EQ(pool_.num_free(), 0);
  EXPECT_FALSE(pool_.prefixes().holds(blocks[2]));
}

// 40 and 50 tokens with 2 blocks in common; the first is still running.
TEST_F(SharingTest, LaterPromptsReadOnlyWhatDiffers) {
  const std::vector<GenerationRequest> requests{request(count(0, 40)),
                                                request(count(0, 40) + count(99, 10))};
  Scheduler scheduler = make(requests);
  scheduler.admit();
  EXPECT_EQ(pool_.num_free(), kBlocks - 3 - 2);
  EXPECT_EQ(read(scheduler), (Pieces{{0, 40}, {32, 50}})) << "in one step";
  EXPECT_EQ(scheduler.reused_tokens(), 32);
  const std::deque<Sequence>& running = scheduler.sequences();
  EXPECT_EQ(running[0].blocks[1], running[1].blocks[1]);
  EXPECT_NE(running[0].blocks[2], running[1].blocks[2]);
  end_all(scheduler);
  EXPECT_EQ(pool_.num_free(), kBlocks);
}

TEST_F(SharingTest, TheLastTokenIsAlwaysComputed) {
  const std::vector<GenerationRequest> requests{request(count(0, 32)), request(count(0, 32))};
  Scheduler scheduler = make(requests);
  scheduler.admit();
  EXPECT_EQ(read(scheduler), (Pieces{{0, 32}, {16, 32}}));
}

TEST_F(SharingTest, PoliciesShareNothing) {
  const std::vector<GenerationRequest> requests{request(count(0, 40)),
                                                request(count(0, 40), {{1, 2}}),
                                                request(count(0, 40), {{1, 3}}),
                                                request(count(0, 40), {{1, 2}})};
  Scheduler scheduler = make(requests);
  scheduler.admit();
  EXPECT_EQ(read(scheduler), (Pieces{{0, 40}, {0, 40}, {0, 40}, {32, 40}}));
}

// Two policies of a request read its prompt together, so they reuse what both can.
TEST_F(SharingTest, PoliciesOfARequestReuseAsMuchAsEachOther) {
  GenerationRequest both = request(count(0, 70));
  both.continuations.push_back({.masked_heads = {{1, 2}}, .random = {}});
  const std::vector<GenerationRequest> requests{
      request(count(0, 60)), request(count(0, 40), {{1, 2}}), both};
  Scheduler scheduler = make(requests);
  scheduler.admit();
  EXPECT_EQ(read(scheduler), (Pieces{{0, 60}, {0, 40}, {32, 70}}));
  // Both read the third block of theta again, into a block of their own.
  const std::deque<Sequence>& running = scheduler.sequences();
  EXPECT_EQ(running[0].blocks[1], running[2].blocks[1]);
  EXPECT_NE(running[0].blocks[2], running[2].blocks[2]);
  EXPECT_EQ(running[1].blocks[1], running[3].blocks[1]);
  end_all(scheduler);
  EXPECT_EQ(pool_.num_free(), kBlocks);
}

TEST_F(SharingTest, WithoutTheCacheNothingIsShared) {
  const std::vector<GenerationRequest> requests{request(count(0, 40)), request(count(0, 40))};
  Scheduler scheduler = make(requests, /*prefix_cache=*/false);
  scheduler.admit();
  EXPECT_EQ(read(scheduler), (Pieces{{0, 40}, {0, 40}}));
  EXPECT_EQ(scheduler.reused_tokens(), 0);
}

// The second prompt begins with 640 tokens of the first, which needs two steps for them. The third
// does not wait.
TEST_F(SharingTest, WaitsForAPromptThatIsBeingRead) {
  const std::vector<GenerationRequest> requests{request(count(0, 700)),
                                                request(count(0, 640) + count(2000, 20)),
                                                request(count(0, 320) + count(3000, 20))};
  prefill_.step_tokens = 540;
  Scheduler scheduler = make(requests);
  scheduler.admit();
  EXPECT_EQ(read(scheduler), (Pieces{{0, 512}, {320, 340}}));
  EXPECT_EQ(read(scheduler), (Pieces{{512, 700}, {640, 660}}));
  EXPECT_EQ(scheduler.sequences().size(), 3U);
}

// A GPU copies the keys that a step reads: not too many at once.
TEST_F(SharingTest, AStepReadsALimitedNumberOfKeys) {
  prefill_.step_keys = 100;
  const std::vector<GenerationRequest> requests{request(count(0, 90)),
                                                request(count(0, 80) + count(99, 4)),
                                                request(count(0, 80) + count(999, 4))};
  Scheduler scheduler = make(requests);
  scheduler.admit();
  EXPECT_EQ(read(scheduler), (Pieces{{0, 90}}));
  EXPECT_EQ(read(scheduler), (Pieces{{80, 84}}));
  EXPECT_EQ(read(scheduler), (Pieces{{80, 84}}));
}

// Blocks that nobody uses go before any continuation has to.
TEST_F(SharingTest, KnownContentEvictsNobody) {
  const auto most_running = [&](bool prefix_cache) {
    BlockPool pool(config_, torch::TensorOptions(torch::kFloat32), kBlocks, /*reserve=*/false);
    // 8 prompts of 12 blocks, then 4 that grow until they do not fit together any more.
    std::vector<GenerationRequest> requests;
    for (int64_t i = 0; i < 8; ++i) requests.push_back(request(count(1000 * i, 192)));
    for (int64_t i = 0; i < 4; ++i) requests.push_back(request(count(20000 * (i + 1), 192)));
    const RequestSource source = source_of(requests);
    Scheduler scheduler(config_,
                        source,
                        {.max_batch_size = 4, .prefill = prefill_, .prefix_cache = prefix_cache},
                        pool);
    while (scheduler.sequences().empty() || scheduler.sequences().front().request->index < 8) {
      end_all(scheduler);
      scheduler.admit();
      while (!scheduler.next_chunks().empty()) read(scheduler);
    }
    EXPECT_EQ(scheduler.sequences().size(), 4U);
    for (int i = 0; i < 100; ++i) grow(scheduler);
    return scheduler.sequences().size();
  };
  const size_t without = most_running(false);
  EXPECT_EQ(without, 3U);
  EXPECT_EQ(most_running(true), without);
}

// The newest prompt goes back to the queue half read. What it has computed stays, the rest is
// forgotten, and it goes on from there.
TEST_F(SharingTest, AnEvictedPromptKeepsWhatItHasRead) {
  std::vector<GenerationRequest> requests{request(count(0, 20)), request(count(1000, 700))};
  requests[0].max_new_tokens = 700;
  Scheduler scheduler = make(requests);
  scheduler.admit();
  EXPECT_EQ(read(scheduler), (Pieces{{0, 20}}));
  EXPECT_EQ(read(scheduler), (Pieces{{0, 512}}));
  const std::vector<int64_t> prompt = count(1000, 700);
  EXPECT_EQ(pool_.prefixes().find(0, prompt, 99).size(), 43U) << "also those to come";
  while (!scheduler.next_chunks().empty()) grow(scheduler);
  EXPECT_EQ(pool_.prefixes().find(0, prompt, 99).size(), 32U);
  // The sequence takes the blocks from the end.
  const size_t blocks = scheduler.sequences()[0].blocks.size();
  while (scheduler.sequences()[0].blocks.size() < blocks + 16) grow(scheduler);
  const size_t kept = pool_.prefixes().find(0, prompt, 99).size();
  EXPECT_LT(kept, 32U);
  EXPECT_GT(kept, 20U);
  end_all(scheduler);
  scheduler.admit();
  EXPECT_EQ(read(scheduler), (Pieces{{16 * static_cast<int64_t>(kept), 700}}));
}

TEST(PrefixOrder, PutsSharedBeginningsTogether) {
  const std::vector<std::vector<int64_t>> prompts{
      {1, 2, 3}, {4}, {1, 2}, {4}, {1, 9, 3}, {1, 2, 3, 0}};
  EXPECT_EQ(prefix_order({prompts.begin(), prompts.end()}),
            (std::vector<size_t>{2, 0, 5, 4, 1, 3}));
}

}  // namespace
}  // namespace retmask
