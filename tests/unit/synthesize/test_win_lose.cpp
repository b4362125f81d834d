#include <gtest/gtest.h>

#include <list>

#include "support.h"
#include "win_lose.h"

namespace retmask::synthesize {
namespace {

using testing::answer;

// Answers with their grades, by sample.
class WinLoseTest : public ::testing::Test {
 protected:
  void add(const Answer& given, std::optional<double> score) {
    answers_.push_back(given);
    verdicts_.push_back({.score = score, .text = ""});
    candidates_.push_back({.sample = static_cast<int64_t>(candidates_.size()),
                           .answer = &answers_.back(),
                           .verdict = &verdicts_.back()});
  }
  WinLose result() const { return best_and_worst(testing::prompt("p"), candidates_, options_); }
  std::optional<DropReason> dropped() const { return result().dropped; }

  std::list<Answer> answers_;
  std::list<Verdict> verdicts_;
  std::vector<Candidate> candidates_;
  PairOptions options_;
};

TEST_F(WinLoseTest, BestAgainstWorst) {
  add(answer("fair"), 5);
  add(answer("bad"), 2);
  add(answer("good"), 9);
  add(answer("as good"), 9);
  add(answer("as bad"), 2);
  const WinLose pair = result();
  EXPECT_EQ(pair.dropped, std::nullopt);
  EXPECT_EQ(pair.best.sample, 2);
  EXPECT_EQ(pair.worst.sample, 1);
}

TEST_F(WinLoseTest, EqualGradesAreATie) {
  add(answer("a"), 7);
  add(answer("b"), 7);
  EXPECT_EQ(dropped(), DropReason::tie);
  add(answer("c"), 6.5);
  EXPECT_EQ(dropped(), std::nullopt);
}

TEST_F(WinLoseTest, FewerThanTwoGradesAreUnjudged) {
  add(answer("a"), 7);
  add(answer("b"), std::nullopt);
  EXPECT_EQ(dropped(), DropReason::unjudged);
  add(answer("c"), 3);
  EXPECT_EQ(dropped(), std::nullopt) << "the other two have grades";
  EXPECT_EQ(result().worst.sample, 2);
}

TEST_F(WinLoseTest, AnswersThatTeachNothingDoNotCompete) {
  add(answer("a"), 7);
  add(answer(" "), 1);
  EXPECT_EQ(dropped(), DropReason::empty_answer);
  add(answer("cut", 3, Ending::length), 2);
  EXPECT_EQ(dropped(), std::nullopt);
  EXPECT_EQ(result().worst.sample, 2) << "not the empty one";
  options_.drop_unfinished = true;
  EXPECT_EQ(dropped(), DropReason::empty_answer) << "the first reason counts";
}

TEST_F(WinLoseTest, EqualTextsTeachNothingWhateverTheJudgeSays) {
  add(answer("same"), 7);
  add(answer("same "), 4);
  EXPECT_EQ(dropped(), DropReason::equal_answers);
}

}  // namespace
}  // namespace retmask::synthesize
