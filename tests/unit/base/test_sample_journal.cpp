#include <gtest/gtest.h>

#include <algorithm>

#include "retmask/base/file.h"
#include "retmask/base/sample_journal.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask {
namespace {

using Indexes = std::vector<size_t>;

Json only_id(const std::string& id) {
  Json identity = Json::object();
  identity["id"] = id;
  return identity;
}

class SampleJournalTest : public ::testing::Test {
 protected:
  SampleJournal open() const { return SampleJournal(path_, identities_); }
  std::string bytes() const { return read_text_file(path_, "rows"); }

  // The row of a sample, with its result in the middle of it, as in predictions.jsonl.
  Json row(size_t sample) const {
    Json row = {{"id", identities_[sample]["id"]}, {"answer", sample * 10}};
    row.update(identities_[sample]);
    return row;
  }

  const testing::TempDir dir_;
  const std::filesystem::path path_ = dir_ / "rows.jsonl";
  // The last has other fields, as a sample of another task.
  std::vector<Json> identities_ = {{{"id", "a"}, {"length", 512}},
                                   {{"id", "b"}, {"length", 512}},
                                   {{"id", "c"}, {"depth", 0.5}}};
};

TEST_F(SampleJournalTest, GoesOnWithWhatIsWaiting) {
  {
    SampleJournal journal = open();
    EXPECT_EQ(journal.waiting(), (Indexes{0, 1, 2}));
    journal.finish(2, row(2));
    EXPECT_EQ(journal.waiting(), (Indexes{0, 1}));
  }  // killed
  SampleJournal journal = open();
  EXPECT_EQ(journal.waiting(), (Indexes{0, 1}));
  journal.finish(0, row(0));
  journal.finish(1, row(1));
  EXPECT_TRUE(journal.is_complete());
  EXPECT_EQ(std::move(journal).close(), (std::vector<Json>{row(0), row(1), row(2)}));
}

TEST_F(SampleJournalTest, BytesDependNotOnTheOrderOfTheAnswers) {
  const auto bytes_of = [&](const Indexes& order, size_t kill_after) {
    std::filesystem::remove(path_);
    for (size_t begin = 0; begin < order.size(); begin += kill_after) {
      SampleJournal journal = open();
      const size_t end = std::min(order.size(), begin + kill_after);
      for (size_t i = begin; i < end; ++i) journal.finish(order[i], row(order[i]));
      if (journal.is_complete()) std::move(journal).close();
    }
    return bytes();
  };
  const std::string whole = bytes_of({0, 1, 2}, 3);
  Indexes order = {0, 1, 2};
  do {
    EXPECT_EQ(bytes_of(order, 1), whole);
    EXPECT_EQ(bytes_of(order, 2), whole);
    EXPECT_EQ(bytes_of(order, 3), whole);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(SampleJournalTest, RowsInOrderAreNotWrittenAgain) {
  SampleJournal journal = open();
  for (const size_t sample : Indexes{0, 1, 2}) journal.finish(sample, row(sample));
  const auto before = std::filesystem::hard_link_count(path_);
  std::filesystem::create_hard_link(path_, dir_ / "link.jsonl");
  std::move(journal).close();
  EXPECT_EQ(std::filesystem::hard_link_count(path_),
            before + 1);  // a rewritten file is another one
}

TEST_F(SampleJournalTest, SamplesWithEqualIdentitiesTakeTheirRowsInTurn) {
  identities_ = {only_id("a"), only_id("a"), only_id("b")};
  {
    SampleJournal journal = open();
    journal.finish(1, row(1));
    EXPECT_EQ(journal.waiting(), (Indexes{0, 2}));
  }
  EXPECT_EQ(open().waiting(), (Indexes{1, 2}));  // which of the two is all the same
  open().finish(1, row(0));
  EXPECT_EQ(open().waiting(), (Indexes{2}));
}

TEST_F(SampleJournalTest, RefusesRowsOfOtherSamples) {
  open().finish(0, row(0));
  const std::vector<Json> before = identities_;
  const auto expect_refusal = [&] {
    expect_user_error([&] { open(); }, {"rows.jsonl", "another run", "--out"});
  };
  identities_[0]["length"] = 1024;  // another value
  expect_refusal();
  identities_ = before;
  identities_[0]["seed"] = 1;  // a field that the row lacks
  expect_refusal();
  identities_ = before;
  write_json_lines(path_, {row(0), row(0)});  // a second row of the same sample
  expect_refusal();
  write_json_lines(path_, {Json::array({1})});  // not an object
  expect_refusal();
}

TEST_F(SampleJournalTest, TextThatIsNotUtf8IsFoundAgain) {
  identities_ = {only_id("cut \xF0\x9F")};
  open().finish(0, row(0));
  EXPECT_TRUE(open().is_complete());
}

}  // namespace
}  // namespace retmask
