// A detection on a tiny random model: going on after a stop, and what may not be gone on with. Its
// numbers are compared with transformers in tests/integration/test_detect.py.

#include "retmask/base/error.h"
#include "retmask/detect/detect.h"
#include "retmask/niah/sample_rows.h"
#include "unit/support/tiny_model.h"

namespace retmask::detect {
namespace {

class DetectTest : public testing::TinyModelTest {
 protected:
  DetectTest() {
    options_.grid.lengths = {100, 160};
    options_.grid.depths = 2;
    options_.grid.max_new_tokens = 12;
    samples_ = build();
  }

  std::vector<niah::Sample> build() const {
    return build_samples(options_.grid,
                         niah::load_needles_and_haystacks("", ""),
                         {{*tokenizer_, template_.get()}, model_.config().max_positions});
  }

  Result detect(const std::string& journal_name) {
    return run({model_, *tokenizer_, checkpoint_.eos_token_ids()},
               samples_,
               options_,
               niah::open_journal(dir_ / journal_name, samples_));
  }

  Options options_;
  std::vector<niah::Sample> samples_;
};

TEST_F(DetectTest, GoesOnWhereItWasStopped) {
  const Result whole = detect("whole.jsonl");
  EXPECT_EQ(whole.answered_now, 12);
  const std::vector<Json> rows = read_json_lines(dir_ / "whole.jsonl", "samples");
  ASSERT_EQ(rows.size(), 12u);

  // The journal of a stopped run is in completion order.
  write_json_lines(dir_ / "part.jsonl", {rows[7], rows[2]});
  const Result rest = detect("part.jsonl");
  EXPECT_EQ(rest.answered_now, 10);
  EXPECT_EQ(read_json_lines(dir_ / "part.jsonl", "samples"), rows);
  EXPECT_EQ(detect("part.jsonl").answered_now, 0);
  EXPECT_EQ(head_scores(rest, model_.config()).samples,
            head_scores(whole, model_.config()).samples);
}

TEST_F(DetectTest, RowSaysWhatWasAskedAndAnswered) {
  detect("rows.jsonl");
  const Json row = read_json_lines(dir_ / "rows.jsonl", "samples")[3];
  EXPECT_EQ(row["needle"], 0);
  EXPECT_EQ(row["length"], 160);
  EXPECT_EQ(row["depth"], 1);
  EXPECT_EQ(row["depth_fraction"], 1.0);
  EXPECT_EQ(row["tokens"], samples_[3].prompt.size());
  EXPECT_EQ(row["span"], (Json{samples_[3].span.begin, samples_[3].span.end}));
  for (const char* key : {"recall", "right", "answer", "scores"})
    EXPECT_TRUE(row.contains(key)) << key;
}

TEST_F(DetectTest, RefusesTheRowsOfOtherSamples) {
  detect("other.jsonl");
  options_.grid.lengths = {120, 160};
  samples_ = build();
  EXPECT_THROW(detect("other.jsonl"), UserError);
}

TEST_F(DetectTest, BatchSizeChangesNothing) {
  detect("batch8.jsonl");
  options_.batch_size = 1;
  detect("batch1.jsonl");
  EXPECT_EQ(read_json_lines(dir_ / "batch1.jsonl", "samples"),
            read_json_lines(dir_ / "batch8.jsonl", "samples"));
}

TEST_F(DetectTest, ReferenceStopIgnoresEos) {
  options_.stop = StopRule::reference;
  const Result result = detect("stop.jsonl");
  // Only id 144 and "<0x0A>", which this vocabulary does not have, end an answer: decoding
  // continues after an EOS up to the limit.
  EXPECT_EQ(result.answered_now, 12);
}

}  // namespace
}  // namespace retmask::detect
