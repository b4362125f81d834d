#include <gtest/gtest.h>

#include "judge.h"
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

TEST(Score, IsTheLastMarkerFromOneToTen) {
  EXPECT_EQ(parse_score("Good. Grade: [[7]]"), 7);
  EXPECT_EQ(parse_score("[[7.5]]"), 7.5);
  EXPECT_EQ(parse_score("[[ 10 ]]"), 10);
  EXPECT_EQ(parse_score("The form is [[5]]. Grade: [[9]]"), 9);
  EXPECT_EQ(parse_score("Grade: [[9]], not [[good]] or [[11]]"), 9);
  EXPECT_EQ(parse_score("[[[8]]]"), 8);
}

TEST(Score, IsMissingElsewhere) {
  for (const char* text : {"",
                           "7",
                           "[7]",
                           "[[0]]",
                           "[[11]]",
                           "[[-3]]",
                           "[[7/10]]",
                           "[[seven]]",
                           "[[nan]]",
                           "[[7",
                           "[[]]",
                           "]]7[["}) {
    EXPECT_EQ(parse_score(text), std::nullopt) << text;
  }
}

TEST(VerdictJournal, KeepsVerdictsAndMissingOnes) {
  const testing::TemporaryDir dir;
  const Prompt question = testing::prompt("p1");
  const AnswerTask first{&question, Policy::chosen, 0};
  const AnswerTask second{&question, Policy::chosen, 1};
  {
    VerdictJournal journal(dir / "verdicts.jsonl");
    journal.add(first, {.score = 7.5, .text = "Fine [[7.5]]"});
    journal.add(second, {.score = std::nullopt, .text = "Hm"});
  }
  const VerdictJournal journal(dir / "verdicts.jsonl");
  ASSERT_NE(journal.find(first), nullptr);
  EXPECT_EQ(journal.find(first)->score, 7.5);
  EXPECT_EQ(journal.find(first)->text, "Fine [[7.5]]");
  ASSERT_NE(journal.find(second), nullptr) << "must not be judged again";
  EXPECT_EQ(journal.find(second)->score, std::nullopt);
  EXPECT_EQ(journal.find({&question, Policy::chosen, 2}), nullptr);
}

}  // namespace
}  // namespace retmask::synthesize
