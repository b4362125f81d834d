#include <gtest/gtest.h>

#include "retmask/synthesize/pairs.h"
#include "support.h"

namespace retmask::synthesize {
namespace {

using testing::answer;

std::optional<DropReason> reason(const Answer& chosen,
                                 const Answer& rejected,
                                 const PairOptions& options = {}) {
  return drop_reason(testing::prompt("p"), chosen, rejected, options);
}

TEST(Pairs, ReasonsToDrop) {
  EXPECT_EQ(reason(answer("a"), answer("b")), std::nullopt);
  EXPECT_EQ(reason(answer(""), answer("b")), DropReason::empty_answer);
  EXPECT_EQ(reason(answer("a"), answer(" \n\t")), DropReason::empty_answer);
  EXPECT_EQ(reason(answer("a"), answer("a")), DropReason::equal_answers);
  EXPECT_EQ(reason(answer("a\n"), answer(" a")), DropReason::equal_answers);
  EXPECT_EQ(reason(answer(""), answer("")), DropReason::empty_answer);
  EXPECT_EQ(reason(answer("", 0, Ending::prompt_too_long), answer("b")),
            DropReason::prompt_too_long);
}

TEST(Pairs, UnfinishedAnswersAreDroppedOnRequest) {
  const Answer cut = answer("a", 16, Ending::length);
  EXPECT_EQ(reason(cut, answer("b")), std::nullopt);
  EXPECT_EQ(reason(cut, answer("b"), {.drop_unfinished = true}), DropReason::unfinished);
  EXPECT_EQ(reason(answer("b"), cut, {.drop_unfinished = true}), DropReason::unfinished);
  EXPECT_EQ(reason(answer("a"), answer("b"), {.drop_unfinished = true}), std::nullopt);
}

TEST(Pairs, PairsOfRedactedPromptsAreDroppedOnRequest) {
  Prompt prompt = testing::prompt("p");
  prompt.redacted = true;
  EXPECT_EQ(drop_reason(prompt, answer("a"), answer("b"), {}), std::nullopt);
  EXPECT_EQ(drop_reason(prompt, answer("a"), answer("b"), {.drop_redacted = true}),
            DropReason::redacted);
  EXPECT_EQ(reason(answer("a"), answer("b"), {.drop_redacted = true}), std::nullopt);
}

TEST(Pairs, RunawayAnswersAreDroppedOnRequest) {
  Answer runaway = answer("a");
  runaway.runaway = true;
  EXPECT_EQ(reason(runaway, answer("b")), std::nullopt);
  EXPECT_EQ(reason(runaway, answer("b"), {.drop_runaway = true}), DropReason::runaway);
  EXPECT_EQ(reason(answer("b"), runaway, {.drop_runaway = true}), DropReason::runaway);
  EXPECT_EQ(reason(answer("a"), answer("b"), {.drop_runaway = true}), std::nullopt);
}

TEST(Pairs, LongOrLoopingAnswersRunAway) {
  EXPECT_FALSE(is_runaway(answer("a", 2000), {}));
  EXPECT_TRUE(is_runaway(answer("a", 2001), {}));
  EXPECT_TRUE(is_runaway(answer("a", 11), {.runaway_tokens = 10}));
  EXPECT_FALSE(is_runaway(answer("a", 9000), {.runaway_tokens = 0}));
  EXPECT_TRUE(is_runaway(answer(std::string(500, 'a')), {.runaway_tokens = 0}));
  testing::expect_user_error([] { PairOptions{.runaway_tokens = -1}.validate(); },
                             {"--runaway-tokens is -1"});
}

TEST(Pairs, RowIsTrlsPreferenceForm) {
  Answer cut = answer("no", 16, Ending::length);
  cut.runaway = true;
  const Json row = pair_row(testing::prompt("p1", "Why?"), 2, answer("yes", 7), cut);
  EXPECT_EQ(row, Json::parse(R"({
    "prompt": [{"role": "user", "content": "Why?"}],
    "chosen": [{"role": "assistant", "content": "yes"}],
    "rejected": [{"role": "assistant", "content": "no"}],
    "id": "p1",
    "meta": {"sample": 2,
             "chosen": {"tokens": 7, "finish_reason": "stop", "mean_logprob": -0.5,
                        "repetition_flag": false},
             "rejected": {"tokens": 16, "finish_reason": "length", "mean_logprob": -0.5,
                          "repetition_flag": true}}})"));
}

TEST(Pairs, LogprobsHaveThreeDecimals) {
  Answer odd = answer("yes");
  odd.mean_logprob = -0.12345678;
  const Json pair = pair_row(testing::prompt("p"), 0, odd, odd);
  EXPECT_EQ(pair["meta"]["chosen"]["mean_logprob"].dump(), "-0.123");
  const Json row = reference_row(testing::prompt("p"), {odd}, "m");
  EXPECT_EQ(row["synthesized_response_scoring_annotations"][0]["mean_logprob"].dump(), "-0.123");
}

TEST(Pairs, ReferenceLayout) {
  const Answer first = answer("yes", 2000);
  Answer second = answer("no", 2001, Ending::length);
  second.runaway = true;
  Prompt prompt = testing::prompt("p1", "Why?");
  prompt.redacted = true;
  EXPECT_EQ(reference_row(prompt, {first, second}, "models/theta"), Json::parse(R"({
    "conversation_id": "p1",
    "conversation": [{"role": "user", "content": "Why?"}],
    "redacted": true,
    "synthesized_assistant_responses": [{"role": "assistant", "content": "yes"},
                                        {"role": "assistant", "content": "no"}],
    "synthesized_response_scoring_annotations": [
      {"response_token_length": 2000, "repetition_flag": false, "finish_reason": "stop",
       "mean_logprob": -0.5},
      {"response_token_length": 2001, "repetition_flag": true, "finish_reason": "length",
       "mean_logprob": -0.5}],
    "synthesis_model": "models/theta"})"));
}

TEST(Pairs, ReferenceLayoutWithTheTokensLogprobs) {
  Answer with = answer("yes");
  with.token_ids = {4, 2};
  with.token_logprobs = {-0.25, -0.123456789};
  const Json row = reference_row(testing::prompt("p1"), {with, answer("no")}, "m");
  const Json& annotations = row["synthesized_response_scoring_annotations"];
  EXPECT_EQ(annotations[0]["token_ids"], Json({4, 2}));
  EXPECT_EQ(annotations[0]["token_logprobs"], Json({-0.25, -0.123456789}));
  EXPECT_FALSE(annotations[1].contains("token_ids"));
  EXPECT_FALSE(annotations[1].contains("token_logprobs"));
}

TEST(Pairs, ReferenceLayoutOfAPromptThatWasTooLong) {
  const Answer none = answer("", 0, Ending::prompt_too_long);
  const Json row = reference_row(testing::prompt("p1"), {none}, "m");
  EXPECT_TRUE(row["synthesized_assistant_responses"].is_null());
  EXPECT_TRUE(row["synthesized_response_scoring_annotations"].is_null());
}

}  // namespace
}  // namespace retmask::synthesize
