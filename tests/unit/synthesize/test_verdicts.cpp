#include <gtest/gtest.h>

#include "retmask/synthesize/verdicts.h"
#include "support.h"

namespace retmask::synthesize {
namespace {

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
