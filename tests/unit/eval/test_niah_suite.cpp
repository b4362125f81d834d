#include "retmask/base/error.h"
#include "retmask/eval/niah_suite.h"
#include "retmask/niah/needles.h"
#include "retmask/niah/sample_rows.h"
#include "tiny_subject.h"

namespace retmask::eval {
namespace {

class NiahSuiteTest : public TinySubjectTest {
 protected:
  NiahSuiteTest() {
    samples_ = build_samples(options_.grid,
                             niah::load_needles_and_haystacks("", ""),
                             {{*tokenizer_, template_.get()}, model_.config().max_positions});
  }

  niah::AnsweredSamples run(const std::string& name, std::vector<Head> masked = {}) {
    SampleJournal journal = niah::open_journal(dir_ / name, samples_);
    const auto answered = run_niah(subject(std::move(masked)), samples_, options_, journal);
    std::move(journal).close();
    return answered;
  }

  const NiahOptions options_ = {.grid = {.lengths = {100, 160}, .depths = 2, .max_new_tokens = 12},
                                .batch_size = 5};
  std::vector<niah::Sample> samples_;
};

TEST_F(NiahSuiteTest, GoesOnWhereItWasStopped) {
  EXPECT_EQ(run("whole.jsonl").answered_now, 12);
  const std::vector<Json> rows = read_json_lines(dir_ / "whole.jsonl", "predictions");
  ASSERT_EQ(rows.size(), 12u);
  write_json_lines(dir_ / "part.jsonl", {rows[4], rows[0], rows[11]});
  EXPECT_EQ(run("part.jsonl").answered_now, 9);
  EXPECT_EQ(read_json_lines(dir_ / "part.jsonl", "predictions"), rows);
}

TEST_F(NiahSuiteTest, MaskedHeadsChangeAnswers) {
  run("all.jsonl");
  run("masked.jsonl", {{0, 0}, {1, 1}, {2, 2}, {3, 3}});
  EXPECT_NE(read_json_lines(dir_ / "all.jsonl", "predictions"),
            read_json_lines(dir_ / "masked.jsonl", "predictions"));
}

TEST(NiahResults, CountByLengthAndDepth) {
  const std::vector<niah::Sample> samples = {
      {.needle = 0, .length = 512, .depth = 0, .depth_fraction = 0.0},
      {.needle = 0, .length = 512, .depth = 1, .depth_fraction = 1.0},
      {.needle = 1, .length = 1024, .depth = 1, .depth_fraction = 1.0}};
  const std::vector<NiahAnswer> answers = {
      {.verdict = {.recall = 0.2, .right = false}, .answer = "no"},
      {.verdict = {.recall = 0.6, .right = true}, .answer = "yes"},
      {.verdict = {.recall = 1.0, .right = true}, .answer = "all"}};
  const Json results = niah_results_json(answers, samples);
  EXPECT_EQ(results["success"], 2);
  EXPECT_EQ(results["total"], 3);
  EXPECT_DOUBLE_EQ(results["rate"].get<double>(), 2.0 / 3);
  EXPECT_EQ(results["cells"][1],
            (Json{{"needle", 0},
                  {"length", 512},
                  {"depth", 1},
                  {"depth_fraction", 1.0},
                  {"recall", 0.6},
                  {"success", true},
                  {"answer", "yes"}}));
  EXPECT_EQ(results["by_length"][0],
            (Json{{"length", 512}, {"success", 1}, {"total", 2}, {"rate", 0.5}}));
  EXPECT_EQ(results["by_depth"][1],
            (Json{{"depth_fraction", 1.0}, {"success", 2}, {"total", 2}, {"rate", 1.0}}));
}

}  // namespace
}  // namespace retmask::eval
