#include <gtest/gtest.h>

#include "support.h"
#include "thinking.h"
#include "training_rows.h"

namespace retmask::synthesize {
namespace {

using testing::expect_user_error;
using testing::TemporaryDir;
namespace fs = std::filesystem;

Answer stripped(const std::string& text, bool opened_by_prompt = false) {
  Answer answer = testing::answer(text);
  strip_thinking(opened_by_prompt, answer);
  return answer;
}

TEST(Thinking, WhatFollowsItIsLeft) {
  EXPECT_EQ(stripped("<think>\nHm.\n</think>\n\nYes.").text, "Yes.");
  EXPECT_EQ(stripped("Hm.\n</think>\n\nYes.\n", true).text, "Yes.\n");
  EXPECT_EQ(stripped("<think>a</think>b</think> c").text, " c") << "the last one, as in Qwen3";
  EXPECT_FALSE(stripped("<think>a</think>b").unended_thinking);
  const Answer nothing = stripped("<think>a</think>\n\n");
  EXPECT_EQ(nothing.text, "");
  EXPECT_FALSE(nothing.unended_thinking) << "it ended, without an answer";
}

TEST(Thinking, WhatNeverEndedIsNoAnswer) {
  for (const Answer& answer : {stripped("\n<think>\nHm"), stripped("Hm. Hm", true)}) {
    EXPECT_EQ(answer.text, "");
    EXPECT_TRUE(answer.unended_thinking);
    EXPECT_EQ(drop_reason(testing::prompt("p"), answer, testing::answer("b"), {}),
              DropReason::unfinished);
    EXPECT_EQ(drop_reason(testing::prompt("p"), testing::answer("b"), answer, {}),
              DropReason::unfinished);
  }
}

TEST(Thinking, IsPutBackBeforeTheTextOfAServer) {
  EXPECT_EQ(with_thinking("\nHm.\n", "\n\nYes."), "<think>\nHm.\n</think>\n\nYes.");
  EXPECT_EQ(stripped(with_thinking("Hm.", "Yes.")).text, "Yes.");
  EXPECT_EQ(with_thinking("", "Yes."), "Yes.");
  EXPECT_EQ(with_thinking("Hm.", "<think>Hm.</think>Yes."), "<think>Hm.</think>Yes.");
  EXPECT_EQ(with_thinking("Hm.", " \n"), "<think>\nHm.");
  EXPECT_TRUE(stripped(with_thinking("Hm.", "")).unended_thinking);
}

TEST(Thinking, AnswersWithoutItStay) {
  EXPECT_EQ(stripped("Yes.\nSay <think> and go on.").text, "Yes.\nSay <think> and go on.");
  EXPECT_FALSE(stripped("Yes.").unended_thinking);
  Answer none = testing::answer("", 0, Ending::prompt_too_long);
  strip_thinking(/*opened_by_prompt=*/true, none);
  EXPECT_FALSE(none.unended_thinking);
}

class ThinkingTemplateTest : public ::testing::Test {
 protected:
  fs::path model(const std::string& generation_prompt) const {
    dir_.write("tokenizer_config.json", "{}");
    dir_.write("chat_template.jinja", "{{ messages[0]['content'] }}" + generation_prompt);
    return dir_.path();
  }
  const TemporaryDir dir_;
};

TEST_F(ThinkingTemplateTest, TheTemplateMayOpenIt) {
  EXPECT_TRUE(prompt_opens_thinking(model("<|assistant|><think>"), Json::object()));
  EXPECT_TRUE(prompt_opens_thinking(model("<|assistant|><think>{{ '\\n' }}"), Json::object()));
  EXPECT_FALSE(prompt_opens_thinking(model("<|assistant|>"), Json::object()));
  const fs::path either = model("{% if deep %}<think>{% else %}<think></think>{% endif %}");
  EXPECT_TRUE(prompt_opens_thinking(either, {{"deep", true}}));
  EXPECT_FALSE(prompt_opens_thinking(either, {{"deep", false}}));
}

TEST_F(ThinkingTemplateTest, OnlyTemplatesWithTheSwitchCanSwitchItOff) {
  check_thinking_can_be_off(
      model("{% if enable_thinking is defined and enable_thinking is false %}</think>{% endif %}"));
  expect_user_error([&] { check_thinking_can_be_off(model("<|assistant|><think>")); },
                    {"--thinking off", "enable_thinking", "--thinking strip"});
  expect_user_error([] { parse_thinking("on"); }, {"--thinking", "on", "keep, strip, off"});
}

}  // namespace
}  // namespace retmask::synthesize
