#include <gtest/gtest.h>

#include <limits>

#include "sft.h"
#include "support.h"

namespace retmask::synthesize {
namespace {

TEST(SftRow, IsTheConversationWithTheAnswer) {
  EXPECT_EQ(sft_row(testing::prompt("p1", "Why?"), 2, testing::answer("So.")),
            Json::parse(R"({"messages": [{"role": "user", "content": "Why?"},
                                         {"role": "assistant", "content": "So."}],
                            "id": "p1",
                            "meta": {"sample": 2, "tokens": 3, "finish_reason": "stop",
                                     "mean_logprob": -0.5, "repetition_flag": false}})"));
}

TEST(SftRow, UnknownLogprobsAreNull) {
  Answer answer = testing::answer("So.");
  answer.mean_logprob = std::numeric_limits<double>::quiet_NaN();
  const std::string line = dump_json_line(sft_row(testing::prompt("p1"), 0, answer));
  EXPECT_NE(line.find(R"("mean_logprob":null)"), std::string::npos) << line;
}

TEST(AnswerByItself, ReasonsToDropIt) {
  EXPECT_EQ(drop_reason(testing::prompt("p"), testing::answer("So."), {}), std::nullopt);
  EXPECT_EQ(drop_reason(testing::prompt("p"), testing::answer(" \n"), {}),
            DropReason::empty_answer);
  const Answer cut = testing::answer("So", 3, Ending::length);
  EXPECT_EQ(drop_reason(testing::prompt("p"), cut, {}), std::nullopt);
  EXPECT_EQ(drop_reason(testing::prompt("p"), cut, {.drop_unfinished = true}),
            DropReason::unfinished);
  EXPECT_EQ(drop_reason(testing::prompt("p"), testing::answer("", 0, Ending::prompt_too_long), {}),
            DropReason::prompt_too_long);
}

}  // namespace
}  // namespace retmask::synthesize
