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
  summary.set_prompts(4, 1);
  summary.add_answer(Policy::chosen, answer("a", 5));
  summary.add_answer(Policy::chosen, answer("b", 7, Ending::length));
  summary.add_answer(Policy::chosen, answer("", 0, Ending::prompt_too_long));
  summary.add_answer(Policy::rejected, answer("c", 1));
  summary.add_pair(std::nullopt);
  summary.add_pair(DropReason::equal_answers);
  summary.add_pair(DropReason::equal_answers);
  summary.add_pair(DropReason::prompt_too_long);
  EXPECT_EQ(summary.kept_pairs(), 1);
  EXPECT_EQ(summary.dropped_pairs(), 3);
  EXPECT_EQ(summary.to_json(), Json::parse(R"({
    "prompts": {"answered": 4, "blank": 1},
    "pairs": {"kept": 1, "dropped": 3,
              "dropped_by_reason": {"prompt_too_long": 1, "empty_answer": 0, "equal_answers": 2,
                                    "unfinished": 0, "unjudged": 0, "tie": 0}},
    "chosen": {"answers": 2, "finished": 1, "tokens": 12, "mean": 6.0, "median": 6.0, "p90": 6.8,
               "max": 7},
    "rejected": {"answers": 1, "finished": 1, "tokens": 1, "mean": 1.0, "median": 1.0, "p90": 1.0,
                 "max": 1}})"));
}

}  // namespace
}  // namespace retmask::synthesize
