#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <numeric>

#include "support.h"
#include "training_rows.h"

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

std::string times(int count, const std::string& text) {
  std::string all;
  for (int i = 0; i < count; ++i) all += text;
  return all;
}

// Numbers of rising length: nothing in it comes three times.
std::string prose(int words) {
  std::string text;
  for (int i = 0; i < words; ++i) text += "word" + std::to_string(i * i) + " ";
  return text;
}

TEST(Repetition, OrdinaryTextDoesNotLoop) {
  EXPECT_FALSE(repeats_at_the_end(""));
  EXPECT_FALSE(repeats_at_the_end("   \n"));
  EXPECT_FALSE(repeats_at_the_end("Yes."));
  EXPECT_FALSE(repeats_at_the_end(prose(500)));
}

TEST(Repetition, LoopsOfAnyPeriod) {
  for (const int words : {1, 3, 10, 40, 100}) {
    const std::string phrase = prose(words) + "and so on.";
    const int copies = std::max(3, static_cast<int>(300 / phrase.size()) + 1);
    EXPECT_TRUE(repeats_at_the_end(prose(50) + times(copies, phrase))) << words;
    EXPECT_TRUE(repeats_at_the_end(times(copies, phrase))) << words << ", from the start";
    EXPECT_FALSE(repeats_at_the_end(times(copies, phrase) + "But then it ended well.")) << words;
  }
  EXPECT_TRUE(repeats_at_the_end("So: " + times(300, "-")));
  EXPECT_TRUE(repeats_at_the_end("答：" + times(40, "好的。"))) << "no spaces between words";
}

TEST(Repetition, TheLastCopyMayBeCutShort) {
  const std::string phrase = prose(20);
  const std::string loop = times(4, phrase);
  EXPECT_TRUE(repeats_at_the_end(loop.substr(0, loop.size() - phrase.size() / 2)));
  EXPECT_TRUE(repeats_at_the_end(loop + "\n\n"));
  EXPECT_FALSE(repeats_at_the_end(times(2, phrase) + phrase.substr(0, phrase.size() / 2)))
      << "two and a half times";
}

TEST(Repetition, ShortRepetitionsAreStyle) {
  EXPECT_FALSE(repeats_at_the_end("Title\n" + times(80, "=")));
  EXPECT_FALSE(repeats_at_the_end("ha" + times(20, " ha")));
  EXPECT_FALSE(repeats_at_the_end(prose(50) + times(3, "Row, row, row your boat.\n")));
}

TEST(Repetition, ItsTimeIsLinear) {
  const auto start = std::chrono::steady_clock::now();
  std::string worst = times(500000, "ab");
  worst.back() = 'c';
  EXPECT_FALSE(repeats_at_the_end(worst));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

}  // namespace
}  // namespace retmask::synthesize
