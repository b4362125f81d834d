#include <gtest/gtest.h>

#include "retmask/synthesize/summary.h"
#include "support.h"

namespace retmask::synthesize {
namespace {

using testing::answer;

// numpy: np.percentile([1, 2, 3, 4, 10], [50, 90]) and np.percentile([4, 1], [50, 90])
TEST(Summary, PercentilesAreNumpys) {
  const LengthStats five = length_stats({10, 2, 3, 4, 1});
  EXPECT_EQ(five.answers, 5);
  EXPECT_EQ(five.total, 20);
  EXPECT_DOUBLE_EQ(five.mean, 4.0);
  EXPECT_DOUBLE_EQ(five.median, 3.0);
  EXPECT_DOUBLE_EQ(five.p90, 7.6);
  EXPECT_EQ(five.max, 10);
  const LengthStats two = length_stats({4, 1});
  EXPECT_DOUBLE_EQ(two.median, 2.5);
  EXPECT_DOUBLE_EQ(two.p90, 3.7);
  EXPECT_DOUBLE_EQ(length_stats({6}).p90, 6.0);
  EXPECT_EQ(length_stats({}).answers, 0);
}

TEST(Summary, CountsEveryReason) {
  Summary summary;
  PromptSet set;
  set.prompts.resize(4);
  set.rows = 7;
  set.left_out = {{SkipReason::blank, 1}, {SkipReason::not_sampled, 2}};
  summary.set_prompts(set);
  summary.add_answer(Policy::chosen, answer("a", 5));
  summary.add_answer(Policy::chosen, answer("b", 7, Ending::length));
  summary.add_answer(Policy::chosen, answer("", 0, Ending::prompt_too_long));
  Answer runaway = answer("c", 1);
  runaway.runaway = true;
  summary.add_answer(Policy::rejected, runaway);
  summary.add_pair(std::nullopt);
  summary.add_pair(DropReason::equal_answers);
  summary.add_pair(DropReason::equal_answers);
  summary.add_pair(DropReason::prompt_too_long);
  EXPECT_EQ(summary.kept_pairs(), 1);
  EXPECT_EQ(summary.dropped_pairs(), 3);
  EXPECT_EQ(summary.to_json(), Json::parse(R"({
    "prompts": {"rows": 7, "answered": 4, "left_out": 3,
                "left_out_by_reason": {"blank": 1, "language": 0, "redacted": 0, "toxic": 0,
                                       "turns": 0, "duplicate": 0, "tokens": 0, "not_sampled": 2,
                                       "skipped": 0, "beyond_limit": 0, "other_shard": 0}},
    "pairs": {"kept": 1, "dropped": 3,
              "dropped_by_reason": {"prompt_too_long": 1, "empty_answer": 0, "equal_answers": 2,
                                    "redacted": 0, "unfinished": 0, "runaway": 0, "unjudged": 0,
                                    "tie": 0}},
    "chosen": {"answers": 2, "finished": 1, "runaway": 0, "tokens": 12, "mean": 6.0, "median": 6.0,
               "p90": 6.8, "max": 7},
    "rejected": {"answers": 1, "finished": 1, "runaway": 1, "tokens": 1, "mean": 1.0,
                 "median": 1.0, "p90": 1.0, "max": 1},
    "length_histogram": {"width": 1, "chosen": [0, 0, 0, 0, 0, 1, 0, 1],
                         "rejected": [0, 1, 0, 0, 0, 0, 0, 0]}})"));
}

TEST(Summary, HistogramHasAtMostTenBinsOfARoundWidth) {
  const auto width = [](int64_t longest) {
    const auto histogram = length_histogram({{Policy::chosen, {longest}}, {Policy::rejected, {}}});
    const auto& counts = histogram.counts.at(Policy::chosen);
    EXPECT_LE(counts.size(), 10u) << longest;
    EXPECT_EQ(counts.back(), 1) << longest;
    EXPECT_EQ(histogram.counts.at(Policy::rejected).size(), counts.size());
    return histogram.width;
  };
  EXPECT_EQ(width(0), 1);
  EXPECT_EQ(width(9), 1);
  EXPECT_EQ(width(10), 2);
  EXPECT_EQ(width(96), 10);
  EXPECT_EQ(width(100), 20);
  EXPECT_EQ(width(2048), 500);
  EXPECT_EQ(width(4096), 500);
  const auto all = length_histogram({{Policy::chosen, {0, 19, 20, 39, 150}}});
  EXPECT_EQ(all.counts.at(Policy::chosen), (std::vector<int64_t>{2, 2, 0, 0, 0, 0, 0, 1}));
}

}  // namespace
}  // namespace retmask::synthesize
