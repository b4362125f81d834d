#include <gtest/gtest.h>

#include "retmask/base/error.h"
#include "retmask/niah/sample.h"
#include "unit/support/expect_user_error.h"
#include "word_tokenizer.h"

namespace retmask::niah {
namespace {

using Tokens = std::vector<int64_t>;

constexpr char kPlainTemplate[] =
    "{{ '<s>' }}{% for message in messages %}{{ message.content }}{% endfor %}"
    "{% if enable_thinking is defined and not enable_thinking %}{{ ' quick' }}{% endif %}"
    "{% if add_generation_prompt %}{{ ' go' }}{% endif %}";

TEST(FindNeedle, FirstWindowThatCoversNineTenths) {
  const Tokens needle = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  Tokens prompt = {20, 21, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 22};
  // A window that starts one token early holds nine of the ten.
  EXPECT_EQ(find_needle(prompt, needle, NeedlePlacement::sentence), (TokenSpan{1, 11}));
  EXPECT_EQ(find_needle(prompt, needle, NeedlePlacement::reference), (TokenSpan{2, 12}));
  prompt[4] = 20;
  prompt[5] = 20;
  EXPECT_EQ(find_needle(prompt, needle, NeedlePlacement::sentence), TokenSpan{});
}

TEST(FindNeedle, CountsDistinctTokens) {
  const Tokens prompt = {9, 5, 5, 6, 9};
  const Tokens needle = {5, 5, 6};
  EXPECT_EQ(find_needle(prompt, needle, NeedlePlacement::sentence), (TokenSpan{1, 4}));
}

TEST(FindNeedle, PromptMayBeShorterThanTheNeedle) {
  const Tokens needle = {5, 6, 6};
  EXPECT_EQ(find_needle(Tokens{6, 5}, needle, NeedlePlacement::sentence), (TokenSpan{0, 3}));
  EXPECT_EQ(find_needle(Tokens{}, needle, NeedlePlacement::sentence), TokenSpan{});
}

class SamplesTest : public ::testing::Test {
 protected:
  std::vector<Sample> build(const GridOptions& grid, int64_t max_position_embeddings = 1000) {
    return build_samples(grid, data_, {{tokenizer_, &template_}, max_position_embeddings});
  }

  WordTokenizer tokenizer_;
  ChatTemplate template_{kPlainTemplate, "", ""};
  NeedlesAndHaystacks data_{
      .needles = {{"The key is under the blue stone", "Where is the key ?", "under the blue stone"},
                  {"The bell is in the old mill", "Where is the bell ?", "in the old mill"}},
      .haystacks = {"a b c. d e f g. h i j", "one two three four five six seven eight nine ten"}};
};

TEST_F(SamplesTest, PromptIsTheOfficialOneInTheTemplate) {
  const std::vector<Sample> samples = build({.lengths = {12}, .depths = 2, .max_new_tokens = 5});
  ASSERT_EQ(samples.size(), 4u);
  EXPECT_EQ(
      tokenizer_.decode(samples[1].prompt, /*skip_special_tokens=*/false),
      "<s><book>a b c. d The key is under the blue stone</book>\nBased on the content of the book, "
      "Question: Where is the key ?\nAnswer: quick go");
}

TEST_F(SamplesTest, ALengthBeyondTheModelsFillsNoMemory) {
  for (const NeedlePlacement placement : {NeedlePlacement::sentence, NeedlePlacement::reference}) {
    expect_user_error(
        [&] {
          build({.lengths = {12, int64_t{1} << 50}, .depths = 1, .placement = placement});
        },
        {"1125899906842624 tokens", "maximum of 1000", "--lengths"});
  }
}

TEST_F(SamplesTest, OrderIsNeedleLengthDepth) {
  const std::vector<Sample> samples = build({.lengths = {9, 12}, .depths = 2, .max_new_tokens = 5});
  ASSERT_EQ(samples.size(), 8u);
  EXPECT_EQ(samples[5].needle, 1);
  EXPECT_EQ(samples[5].length, 9);
  EXPECT_EQ(samples[5].depth, 1);
  EXPECT_EQ(samples[6].length, 12);
  EXPECT_EQ(samples[6].depth, 0);
}

TEST_F(SamplesTest, SpanHoldsTheAnswer) {
  // Encoded alone, the answer has no leading space, so its first token differs from that in the
  // prompt: 10 of 11 are found.
  data_.needles[0] = {"Key is at k l m n o p q r s t", "Where ?", "at k l m n o p q r s t"};
  const Sample sample = build({.lengths = {30}, .depths = 2, .max_new_tokens = 5})[1];
  ASSERT_TRUE(sample.span.found());
  EXPECT_EQ(sample.span.end - sample.span.begin, 11);
  EXPECT_EQ(sample.needle_tokens.size(), 11u);
  const auto begin = sample.prompt.begin() + sample.span.begin;
  EXPECT_EQ(tokenizer_.decode(Tokens(begin, begin + 11), false), " at k l m n o p q r s t");
}

TEST_F(SamplesTest, QuestionsAreFoundInThePrompt) {
  const auto text = [&](const std::vector<int64_t>& tokens, int64_t begin, int64_t end) {
    return tokenizer_.decode(
        std::span(tokens).subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)),
        /*skip_special_tokens=*/false);
  };
  // Neither the ends that a question shares with the null question are lost, nor words that occur
  // in the template too.
  for (const std::string question :
       {"Where is the key ?", "N/A or not", "Is it N/A", "N/A", "Answer: Question:"}) {
    data_.needles[0].question = question;
    for (const Sample& sample : build({.lengths = {12, 14}, .depths = 2, .max_new_tokens = 5})) {
      if (sample.needle != 0) continue;
      EXPECT_EQ(text(sample.prompt, sample.question.begin, sample.question.end), " " + question);
      std::vector<int64_t> null(sample.prompt.begin(), sample.prompt.begin() + sample.null_shared);
      null.insert(null.end(), sample.null_tail.begin(), sample.null_tail.end());
      const auto [begin, end] = sample.null_question;
      EXPECT_EQ(text(null, begin, end), " N/A");
      EXPECT_EQ(text(null, begin, static_cast<int64_t>(null.size())), " N/A\nAnswer: quick go");
    }
  }
}

TEST_F(SamplesTest, RefusesWhatTheModelCannotHold) {
  const GridOptions grid{.lengths = {12}, .depths = 2, .max_new_tokens = 5};
  const auto longest = [&] {
    size_t tokens = 0;
    for (const Sample& sample : build(grid)) tokens = std::max(tokens, sample.prompt.size());
    return static_cast<int64_t>(tokens);
  }();
  EXPECT_NO_THROW(build(grid, longest + 5));
  EXPECT_THROW(build(grid, longest + 4), UserError);
  EXPECT_THROW(build({.lengths = {6}, .depths = 1}), UserError);  // the needle has 7 tokens
}

TEST_F(SamplesTest, ShortHaystackIsRepeated) {
  data_.haystacks[0] = "a b. ";
  const Sample sample = build({.lengths = {16}, .depths = 2, .max_new_tokens = 5})[1];
  const std::string text = tokenizer_.decode(sample.prompt, false);
  EXPECT_NE(text.find("<book>a b. a b. a"), std::string::npos) << text;
}

TEST(Judge, RightIsMoreThanHalfOfTheWordsAndAFoundNeedle) {
  Sample sample{.real_needle = "under the blue stones", .span = {3, 7}};
  EXPECT_EQ(judge(sample, "It is under the stone").recall, 0.75);
  EXPECT_TRUE(judge(sample, "It is under the stone").right);
  EXPECT_FALSE(judge(sample, "under the bed").right);  // exactly one half
  sample.span = {};
  EXPECT_FALSE(judge(sample, "under the blue stone").right);
}

}  // namespace
}  // namespace retmask::niah
