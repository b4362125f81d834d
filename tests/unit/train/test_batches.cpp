#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "optimizer.h"
#include "retmask/base/json.h"
#include "retmask/train/batches.h"

namespace retmask::train {
namespace {

Options batches_of(int64_t size) {
  Options options;
  options.global_batch_size = size;
  return options;
}

TEST(BatchPlan, LastBatchOfAnEpochIsSmaller) {
  Options options = batches_of(4);
  options.shuffle = false;
  const BatchPlan plan(10, options);
  EXPECT_EQ(plan.steps_per_epoch(), 3);
  EXPECT_EQ(plan.total_steps(), 6);
  EXPECT_EQ(plan.batch(0), (RowIndices{0, 1, 2, 3}));
  EXPECT_EQ(plan.batch(2), (RowIndices{8, 9}));
  EXPECT_EQ(plan.batch(3), (RowIndices{0, 1, 2, 3}));
}

TEST(BatchPlan, MaxStepsWinsOverEpochs) {
  Options options = batches_of(4);
  options.max_steps = 7;
  const BatchPlan plan(10, options);
  EXPECT_EQ(plan.total_steps(), 7);
  EXPECT_EQ(plan.batch(6).size(), 4u) << "the third epoch has begun";
}

TEST(BatchPlan, EachEpochShowsEachRowOnceInItsOwnOrder) {
  const BatchPlan plan(10, batches_of(4));
  std::vector<RowIndices> epochs(2);
  for (int64_t step = 0; step < 6; ++step) {
    const RowIndices batch = plan.batch(step);
    RowIndices& epoch = epochs[static_cast<size_t>(step / 3)];
    epoch.insert(epoch.end(), batch.begin(), batch.end());
  }
  EXPECT_NE(epochs[0], epochs[1]);
  for (RowIndices& epoch : epochs) {
    EXPECT_FALSE(std::is_sorted(epoch.begin(), epoch.end()));
    EXPECT_EQ(std::set<int64_t>(epoch.begin(), epoch.end()).size(), 10u);
  }
}

TEST(BatchPlan, OrderComesFromTheSeed) {
  Options options = batches_of(10);
  const RowIndices order = BatchPlan(10, options).batch(0);
  EXPECT_EQ(BatchPlan(10, options).batch(0), order);
  options.seed = 1;
  EXPECT_NE(BatchPlan(10, options).batch(0), order);
}

TEST(SplitByTokens, FillsUpToTheLimitAndNeverLeavesARowOut) {
  std::vector<TrainingExample> examples;
  for (const size_t answer : {3, 3, 20, 1, 1}) {
    examples.push_back({.where = "",
                        .prompt = {1},
                        .chosen = TokenIds(answer, 2),
                        .rejected = TokenIds(1, 3)});  // answer + 3 tokens in total
  }
  const std::vector<RowIndices> groups = split_by_tokens({0, 1, 2, 3, 4}, examples, 12);
  EXPECT_EQ(groups, (std::vector<RowIndices>{{0, 1}, {2}, {3, 4}}));
}

std::vector<TrainingExample> rows_of(const std::vector<size_t>& answers) {
  std::vector<TrainingExample> examples;
  for (const size_t answer : answers) {
    examples.push_back({.where = "",
                        .prompt = {1},
                        .chosen = TokenIds(answer, 2),
                        .rejected = TokenIds(answer, 3)});
  }
  return examples;
}

TEST(SpreadRows, EveryRowOnceAndTheLoadsEven) {
  const auto examples = rows_of({100, 10, 90, 20, 80, 30, 70, 40});
  const RowIndices batch{7, 6, 5, 4, 3, 2, 1, 0};
  const auto shares = spread_rows(batch, examples, /*ranks=*/2, /*hidden_size=*/1 << 20);
  ASSERT_EQ(shares.size(), 2u);
  std::set<int64_t> seen;
  for (const RowIndices& share : shares) {
    int64_t tokens = 0;
    for (const int64_t row : share) {
      tokens += examples[static_cast<size_t>(row)].num_tokens();
      EXPECT_TRUE(seen.insert(row).second);
    }
    EXPECT_NEAR(static_cast<double>(tokens), 448, 4);
    EXPECT_TRUE(std::is_sorted(share.rbegin(), share.rend())) << "the batch's order";
  }
  EXPECT_EQ(seen.size(), batch.size());
  EXPECT_EQ(spread_rows(batch, examples, 1, 64), std::vector<RowIndices>{batch});
}

TEST(SpreadRows, LongSequencesCostMoreThanTheirTokens) {
  // One row of 3,000-token answers against ten of 300: as many tokens, ten times the attention.
  const auto examples = rows_of({3000, 300, 300, 300, 300, 300, 300, 300, 300, 300, 300});
  const RowIndices batch{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const auto shares = spread_rows(batch, examples, 2, /*hidden_size=*/64);
  EXPECT_EQ(shares[0], RowIndices{0});
  const auto by_tokens = spread_rows({0, 1, 2, 3}, examples, 8, 64);
  EXPECT_TRUE(by_tokens[7].empty()) << "more ranks than rows";
}

TEST(Schedule, EqualsTransformersCosineWithMinLr) {
  const auto path = std::filesystem::path(RETMASK_GOLDEN_DIR) / "dpo/schedule.json";
  for (const Json& golden : read_json_file(path, "golden file")) {
    Options options;
    options.warmup_ratio = golden.at("warmup_ratio");
    options.learning_rate = golden.at("learning_rate");
    options.min_learning_rate = golden.at("min_learning_rate");
    const int64_t total = golden.at("total");
    EXPECT_EQ(warmup_steps(options, total), golden.at("warmup").get<int64_t>());
    for (int64_t step = 0; step < total; ++step) {
      const double expected = golden.at("rates")[static_cast<size_t>(step)];
      EXPECT_NEAR(learning_rate_at(options, step, total), expected, 1e-12 * options.learning_rate)
          << "step " << step << " of " << total;
    }
  }
}

}  // namespace
}  // namespace retmask::train
