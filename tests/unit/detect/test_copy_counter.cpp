// Both scorings on examples that are written out.

#include <gtest/gtest.h>

#include "retmask/base/error.h"
#include "retmask/detect/copy_counter.h"
#include "word_tokenizer.h"

namespace retmask::detect {
namespace {

// A prompt of eight tokens whose needle, 50 51 52 52, lies at positions 3 .. 6.
niah::Sample make_sample() {
  return {.needle_tokens = {50, 51, 52, 52},
          .prompt = {10, 11, 51, 50, 51, 52, 52, 12},
          .span = {3, 7}};
}

// Two layers of two heads, by layer.
torch::Tensor keys(std::vector<int64_t> of_heads) { return torch::tensor(of_heads).view({2, 2}); }

const Head kHead00{0, 0};
const Head kHead01{0, 1};
const Head kHead10{1, 0};
const Head kHead11{1, 1};

// Token 51, 52, 52, 12 are generated; per step, which key each head looks at.
CopyCounter observe_example(const niah::Sample& sample, Scoring scoring) {
  CopyCounter counter(sample, scoring);
  counter.observe(
      51, keys({4, 2, 3, 0}));  // 0-0 copies; 0-1 attends to 51 outside the needle; 1-0 to 50
  counter.observe(52, keys({5, 6, 5, 9}));  // 0-0, 0-1, 1-0 copy; 1-1 sees a generated token
  counter.observe(52, keys({6, 6, 3, 7}));  // 0-0 and 0-1 copy the same token again
  counter.observe(12, keys({7, 7, 7, 7}));  // the token after the needle
  return counter;
}

TEST(CopyCounter, SetScoringCountsDistinctTokens) {
  const niah::Sample sample = make_sample();
  const SampleScores expected = {{kHead00, 2.0 / 3}, {kHead01, 1.0 / 3}, {kHead10, 1.0 / 3}};
  EXPECT_EQ(observe_example(sample, Scoring::set).scores(), expected);
}

TEST(CopyCounter, StepsScoringCountsEveryStep) {
  const niah::Sample sample = make_sample();
  const SampleScores expected = {{kHead00, 3.0 / 4}, {kHead01, 2.0 / 4}, {kHead10, 1.0 / 4}};
  EXPECT_EQ(observe_example(sample, Scoring::steps).scores(), expected);
}

TEST(CopyCounter, StepsScoringCanExceedOne) {
  const niah::Sample sample = make_sample();
  CopyCounter counter(sample, Scoring::steps);
  for (int step = 0; step < 6; ++step) counter.observe(52, keys({0, 0, 0, 5}));
  EXPECT_EQ(counter.scores(), (SampleScores{{kHead11, 6.0 / 4}}));
}

TEST(CopyCounter, NothingIsCopiedOutOfANeedleThatWasNotFound) {
  niah::Sample sample = make_sample();
  sample.span = {};
  EXPECT_TRUE(observe_example(sample, Scoring::steps).scores().empty());
}

TEST(CopyCounter, SpanMayReachBeyondThePrompt) {
  niah::Sample sample = make_sample();
  sample.span = {6, 10};
  CopyCounter counter(sample, Scoring::set);
  counter.observe(52, keys({8, 6, 9, 0}));  // keys 8 and 9 are generated tokens
  EXPECT_EQ(counter.scores(), (SampleScores{{kHead01, 1.0 / 3}}));
}

// The published implementation's rules from the text to the scores, on a prompt of which every word
// is a token.
TEST(CopyCounter, ReferenceRulesFromTextToScores) {
  const niah::WordTokenizer tokenizer(/*period_id=*/1, /*adds_start=*/false);
  const ChatTemplate chat_template("{{ messages[0].content }}", "", "");
  const niah::NeedlesAndHaystacks data{
      .needles = {{"The code is k0 k1 k2 k3 k4 k5 k6 k7 k8 k9 k10 .",
                   "What is the code ?",
                   "k0 k1 k2 k3 k4 k5 k6 k7 k8 k9 k10"}},
      .haystacks = {"One two three. Four five six. Seven eight nine."}};
  const niah::GridOptions grid{.lengths = {220},
                               .depths = 3,
                               .placement = niah::NeedlePlacement::reference,
                               .max_new_tokens = 5};
  const auto samples = build_samples(grid, data, {{tokenizer, &chat_template}, 1000});
  ASSERT_EQ(samples.size(), 3u);

  // The needle has 16 tokens, which leaves 220 - 200 - 16 = 4 haystack tokens: "One two three.".
  // The full stop's id differs from Llama-2's, so at 50 % (position 2) the needle moves to the
  // start.
  const auto text = [&](const niah::Sample& sample) {
    return tokenizer.decode(sample.prompt, false);
  };
  EXPECT_TRUE(text(samples[1]).starts_with("<book>The code is k0 k1")) << text(samples[1]);
  EXPECT_TRUE(text(samples[2]).starts_with("<book>One two three.The code is k0 k1"))
      << text(samples[2]);

  // Prompt of the second sample: <book>The, code, is, k0, ... Encoded alone, the answer starts with
  // "k0" instead of " k0". Ten of eleven tokens match, more than 90 %, in a window of eleven
  // tokens.
  const niah::Sample& sample = samples[1];
  EXPECT_EQ(sample.span, (niah::TokenSpan{3, 14}));
  const auto token = [&](const char* piece) { return tokenizer.token_id(piece).value(); };
  CopyCounter counter(sample, Scoring::steps);
  counter.observe(token(" k0"), keys({3, 4, 2, 3}));  // 0-0 and 1-1 copy
  counter.observe(token(" k1"), keys({4, 4, 4, 2}));  // 0-0, 0-1 and 1-0 copy
  counter.observe(token(" k1"), keys({4, 5, 5, 2}));  // 0-0 copies again
  counter.observe(token(" is"), keys({2, 2, 2, 2}));  // before the needle
  const SampleScores expected = {
      {kHead00, 3.0 / 11}, {kHead01, 1.0 / 11}, {kHead10, 1.0 / 11}, {kHead11, 1.0 / 11}};
  EXPECT_EQ(counter.scores(), expected);
}

}  // namespace
}  // namespace retmask::detect
