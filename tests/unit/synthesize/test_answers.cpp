#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "retmask/synthesize/answers.h"
#include "support.h"

namespace retmask::synthesize {
namespace {

using testing::answer;
using testing::expect_user_error;
using testing::TemporaryDir;
namespace fs = std::filesystem;

TEST(AnswerTask, NameTellsAnswersApart) {
  const Prompt prompt = testing::prompt("p/1");
  EXPECT_EQ((AnswerTask{&prompt, Policy::chosen, 0}.name()), "p/1/chosen/0");
  EXPECT_EQ((AnswerTask{&prompt, Policy::rejected, 12}.name()), "p/1/rejected/12");
}

class AnswerJournalTest : public ::testing::Test {
 protected:
  const TemporaryDir dir_;
  const fs::path path_ = dir_ / "answers.jsonl";
  const Prompt prompt_ = testing::prompt("p1");
  const AnswerTask chosen_{&prompt_, Policy::chosen, 0};
  const AnswerTask rejected_{&prompt_, Policy::rejected, 1};
};

TEST_F(AnswerJournalTest, UnknownLogprobsStayUnknown) {
  Answer served = answer("So.");
  served.mean_logprob = std::numeric_limits<double>::quiet_NaN();
  AnswerJournal(path_).add(chosen_, served);
  EXPECT_TRUE(std::isnan(AnswerJournal(path_).find(chosen_)->mean_logprob));
}

TEST_F(AnswerJournalTest, GivesBackWhatAnEarlierRunFinished) {
  const Answer odd{.text = "\"q\"\n\u00fc\U0001f642",
                   .tokens = 4096,
                   .ending = Ending::length,
                   .mean_logprob = -0.1234567890123456789,
                   .token_ids = {5, 70000},
                   .token_logprobs = {-0.0123456789012345678, -2.5}};
  {
    AnswerJournal journal(path_);
    EXPECT_FALSE(journal.contains(chosen_));
    journal.add(chosen_, odd);
    EXPECT_EQ(journal.find(chosen_)->text, odd.text);
  }
  const AnswerJournal journal(path_);
  ASSERT_TRUE(journal.contains(chosen_));
  EXPECT_EQ(journal.find(chosen_)->text, odd.text);
  EXPECT_EQ(journal.find(chosen_)->tokens, odd.tokens);
  EXPECT_EQ(journal.find(chosen_)->ending, odd.ending);
  EXPECT_EQ(journal.find(chosen_)->mean_logprob, odd.mean_logprob);
  EXPECT_EQ(journal.find(chosen_)->token_ids, odd.token_ids);
  EXPECT_EQ(journal.find(chosen_)->token_logprobs, odd.token_logprobs);
  EXPECT_FALSE(journal.find(rejected_).has_value());
}

TEST_F(AnswerJournalTest, TheLastAnswerToATaskCounts) {
  AnswerJournal journal(path_);
  journal.add(chosen_, answer("a"));
  journal.add(rejected_, answer(std::string(1 << 20, 'b')));  // read in several chunks
  journal.add(chosen_, answer("c"));
  EXPECT_EQ(journal.find(chosen_)->text, "c");
  EXPECT_EQ(journal.find(rejected_)->text.size(), size_t{1} << 20);
}

TEST_F(AnswerJournalTest, ForgetsATornLastRow) {
  {
    AnswerJournal journal(path_);
    journal.add(chosen_, answer("a"));
    journal.add(rejected_, answer("b"));
  }
  fs::resize_file(path_, fs::file_size(path_) - 5);
  AnswerJournal journal(path_);
  EXPECT_TRUE(journal.contains(chosen_));
  EXPECT_FALSE(journal.contains(rejected_));
  journal.add(rejected_, answer("b"));
  EXPECT_EQ(read_json_lines(path_, "journal").size(), 2u);
}

TEST_F(AnswerJournalTest, ForeignFileIsAUserError) {
  dir_.write("answers.jsonl", "{\"id\": \"p1\"}\n");
  expect_user_error([&] { AnswerJournal journal(path_); }, {"answers.jsonl:1", "text"});
  dir_.write(
      "answers.jsonl",
      "{\"id\": \"p\", \"policy\": \"chosen\", \"sample\": 0, \"text\": \"\", \"tokens\": 0, "
      "\"finish_reason\": \"bored\", \"mean_logprob\": 0}\n");
  expect_user_error([&] { AnswerJournal journal(path_); }, {"answers.jsonl:1", "bored"});
}

}  // namespace
}  // namespace retmask::synthesize
