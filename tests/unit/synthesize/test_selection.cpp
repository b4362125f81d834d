#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "retmask/base/part.h"
#include "retmask/synthesize/prompts.h"
#include "support.h"

namespace retmask::synthesize {
namespace {

using testing::expect_user_error;
using testing::ids;

PromptSet numbered(int count) {
  PromptSet set;
  for (int i = 0; i < count; ++i) set.prompts.push_back(testing::prompt(std::to_string(i)));
  set.rows = count;
  return set;
}

std::vector<std::string> selected(int count, const Selection& selection) {
  PromptSet set = numbered(count);
  select_prompts(selection, set);
  return ids(set.prompts);
}

TEST(SelectPrompts, SamplesWithoutReplacementInTheFilesOrder) {
  const auto sample = selected(100, {.sample = 30, .seed = 1});
  EXPECT_EQ(sample.size(), 30u);
  EXPECT_TRUE(
      std::ranges::is_sorted(sample, {}, [](const std::string& id) { return std::stoi(id); }));
  EXPECT_EQ(std::set<std::string>(sample.begin(), sample.end()).size(), 30u);
  EXPECT_EQ(selected(100, {.sample = 30, .seed = 1}), sample);
  EXPECT_NE(selected(100, {.sample = 30, .seed = 2}), sample);
  EXPECT_EQ(selected(100, {.sample = 1000, .seed = 1}).size(), 100u);
}

TEST(SelectPrompts, ALargerSampleHoldsTheSmallerOne) {
  const auto small = selected(100, {.sample = 10, .seed = 3});
  const auto large = selected(100, {.sample = 40, .seed = 3});
  for (const std::string& id : small) EXPECT_EQ(std::ranges::count(large, id), 1) << id;
}

TEST(SelectPrompts, EveryPromptIsDrawnEquallyOften) {
  std::map<std::string, int> drawn;
  for (uint64_t seed = 0; seed < 400; ++seed) {
    for (const std::string& id : selected(20, {.sample = 5, .seed = seed})) ++drawn[id];
  }
  for (const auto& [id, count] : drawn) EXPECT_NEAR(count, 100, 35) << id;  // 4 deviations
  EXPECT_EQ(drawn.size(), 20u);
}

TEST(SelectPrompts, SampleThenSkipThenLimitThenShard) {
  const Selection sampled{.sample = 12, .seed = 5};
  const auto sample = selected(50, sampled);
  Selection part = sampled;
  part.skip = 2;
  part.limit = 8;
  part.shard = 1;
  part.num_shards = 3;
  PromptSet set = numbered(50);
  select_prompts(part, set);
  EXPECT_EQ(ids(set.prompts), (std::vector<std::string>{sample[3], sample[6], sample[9]}));
  EXPECT_EQ(set.left_out,
            (std::map<SkipReason, int64_t>{{SkipReason::not_sampled, 38},
                                           {SkipReason::skipped, 2},
                                           {SkipReason::beyond_limit, 2},
                                           {SkipReason::other_shard, 5}}));
  expect_user_error([] { selected(5, {.sample = -1}); }, {"--sample is -1"});
}

TEST(SelectPrompts, SkipThenLimit) {
  EXPECT_EQ(selected(5, {.skip = 1, .limit = 2}), (std::vector<std::string>{"1", "2"}));
  EXPECT_EQ(selected(5, {.skip = 3, .limit = 10}).size(), 2u);
  EXPECT_EQ(selected(5, {.skip = 3, .limit = INT64_MAX}).size(), 2u);
  EXPECT_EQ(selected(5, {}).size(), 5u);
  expect_user_error([] { selected(5, {.skip = 5}); }, {"--skip 5", "5 prompts"});
}

TEST(SelectPrompts, ShardsPartitionExactly) {
  for (const int64_t num_shards : {1, 2, 3, 7, 20}) {
    std::multiset<std::string> seen;
    size_t smallest = SIZE_MAX;
    size_t largest = 0;
    for (int64_t shard = 0; shard < num_shards; ++shard) {
      const auto part =
          selected(17, {.skip = 2, .limit = 13, .shard = shard, .num_shards = num_shards});
      seen.insert(part.begin(), part.end());
      smallest = std::min(smallest, part.size());
      largest = std::max(largest, part.size());
    }
    const auto whole = selected(17, {.skip = 2, .limit = 13});
    EXPECT_EQ(seen, std::multiset<std::string>(whole.begin(), whole.end())) << num_shards;
    EXPECT_LE(largest - smallest, 1u);
  }
}

TEST(SelectPrompts, ShardIsParsed) {
  const Part part = parse_part("2/4");
  EXPECT_EQ(part.shard, 2);
  EXPECT_EQ(part.num_shards, 4);
  for (const char* bad : {"4/4", "-1/4", "0/0"}) {
    expect_user_error([&] { parse_part(bad); }, {"--shard", bad, "0/n"});
  }
  for (const char* bad : {"", "2", "/4", "2/", "a/4", "1/2/4", "1 /4"}) {
    expect_user_error([&] { parse_part(bad); }, {"--shard", "0/4"});
  }
}

}  // namespace
}  // namespace retmask::synthesize
