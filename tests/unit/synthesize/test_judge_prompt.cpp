#include <gtest/gtest.h>

#include "retmask/synthesize/judge_prompt.h"
#include "support.h"

namespace retmask::synthesize {
namespace {

const Json kQuestion = Json::array({{{"role", "user"}, {"content", "Why {answer}?"}}});

TEST(JudgePrompt, PutsQuestionAndAnswerInAsTheyAre) {
  const testing::TemporaryDir dir;
  const auto path = dir.write("prompt.txt", "Q: {question} A: {answer} Q again: {question}.");
  EXPECT_EQ(JudgePrompt::load(path).fill(kQuestion, "{question}"),
            "Q: Why {answer}? A: {question} Q again: Why {answer}?.");
}

TEST(JudgePrompt, BuiltInOneHoldsBothAndTheForm) {
  const std::string text = JudgePrompt::load("").fill(kQuestion, "Because.");
  for (const char* part : {"Why {answer}?", "Because.", "[[5]]", "1", "10"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
}

TEST(JudgePrompt, LongerConversationsKeepTheirRoles) {
  const testing::TemporaryDir dir;
  const auto path = dir.write("prompt.txt", "{question}|{answer}");
  const Json messages = Json::array(
      {{{"role", "system"}, {"content", "Be brief."}}, {{"role", "user"}, {"content", "Why?"}}});
  EXPECT_EQ(JudgePrompt::load(path).fill(messages, "So."), "system:\nBe brief.\n\nuser:\nWhy?|So.");
}

TEST(JudgePrompt, NeedsBothPlaces) {
  const testing::TemporaryDir dir;
  const auto path = dir.write("prompt.txt", "Grade {answer}");
  testing::expect_user_error([&] { JudgePrompt::load(path); }, {"prompt.txt", "{question}"});
  testing::expect_user_error([&] { JudgePrompt::load(dir / "none.txt"); }, {"none.txt"});
}

}  // namespace
}  // namespace retmask::synthesize
