#include "retmask/base/error.h"
#include "retmask/eval/answer_samples.h"
#include "retmask/eval/kv_suite.h"
#include "retmask/eval/task_results.h"
#include "tiny_subject.h"

namespace retmask::eval {
namespace {

class AnswerSamplesTest : public TinySubjectTest {
 protected:
  AnswerSamplesTest() {
    const PromptEncoder encoder(*tokenizer_, checkpoint_.dir(), ChatUse::automatic);
    samples_ = build_kv_samples({.keys = {2, 5}, .depths = 2, .max_samples = 4},
                                /*rows=*/{},
                                encoder,
                                model_.config().max_positions);
    for (Sample& sample : samples_) sample.max_new_tokens = 12;
  }

  struct Run {
    std::vector<Json> rows;
    int64_t answered_now;
  };
  Run run(const std::string& name, int64_t batch_size = 3, std::vector<Head> masked = {}) {
    SampleJournal journal = open_journal(dir_ / name, samples_);
    const AnsweredSamples answered = answer_samples(
        subject(std::move(masked)), samples_, {.title = "test", .batch_size = batch_size}, journal);
    return {.rows = std::move(journal).close(), .answered_now = answered.answered_now};
  }

  std::string bytes(const std::string& name) const { return read_text_file(dir_ / name, "rows"); }

  std::vector<Sample> samples_;
};

TEST_F(AnswerSamplesTest, BytesDependOnNeitherBatchNorInterruption) {
  EXPECT_EQ(run("whole.jsonl").answered_now, 8);
  const std::string whole = bytes("whole.jsonl");
  run("one.jsonl", /*batch_size=*/1);
  EXPECT_EQ(bytes("one.jsonl"), whole);
  run("all.jsonl", /*batch_size=*/100);
  EXPECT_EQ(bytes("all.jsonl"), whole);
  const std::vector<Json> rows = read_json_lines(dir_ / "whole.jsonl", "rows");
  write_json_lines(dir_ / "part.jsonl", {rows[6], rows[1]});
  EXPECT_EQ(run("part.jsonl").answered_now, 6);
  EXPECT_EQ(bytes("part.jsonl"), whole);
  EXPECT_EQ(run("part.jsonl").answered_now, 0);
}

TEST_F(AnswerSamplesTest, RowsSayWhatWasAskedAndAnswered) {
  const Json row = run("rows.jsonl").rows[5];
  EXPECT_EQ(row["id"], "kv-5-1");
  EXPECT_EQ(row["task"], "kv");
  EXPECT_EQ(row["length"], 5);
  EXPECT_EQ(row["depth"], 1.0);
  EXPECT_EQ(row["prompt_tokens"], samples_[5].prompt.size());
  EXPECT_EQ(row["references"], Json(samples_[5].references));
  EXPECT_TRUE(row["answer"].is_string());
  EXPECT_TRUE(row["score"].is_number());
}

TEST_F(AnswerSamplesTest, MaskedHeadsChangeAnswers) {
  run("all.jsonl");
  run("masked.jsonl", 3, {{0, 0}, {1, 1}, {2, 2}, {3, 3}});
  EXPECT_NE(bytes("all.jsonl"), bytes("masked.jsonl"));
}

TEST_F(AnswerSamplesTest, AnswersEndBeforeAStopText) {
  const std::string answer = run("free.jsonl").rows[0]["answer"].get<std::string>();
  ASSERT_GT(answer.size(), 4u);
  size_t middle = answer.size() / 2;
  while ((static_cast<unsigned char>(answer[middle]) & 0xC0) == 0x80) ++middle;  // whole characters
  samples_[0].stop = {answer.substr(middle)};
  EXPECT_EQ(run("stopped.jsonl").rows[0]["answer"].get<std::string>(),
            answer.substr(0, answer.find(samples_[0].stop[0])));
}

TEST_F(AnswerSamplesTest, ASampleThatDoesNotFitIsAnErrorOfItsOwn) {
  samples_[2].max_new_tokens = model_.config().max_positions;
  const Run answers = run("rows.jsonl");
  EXPECT_EQ(answers.answered_now, 7);
  EXPECT_TRUE(answers.rows[2]["answer"].is_null());
  EXPECT_NE(answers.rows[2]["error"].get<std::string>().find("exceeds the model's maximum of 2048"),
            std::string::npos);
  const Json results = task_results_json("kv", answers.rows);
  EXPECT_EQ(results["tasks"][0]["total"], 4);
  EXPECT_EQ(results["tasks"][0]["errors"], 1);
  EXPECT_EQ(results["tasks"][1]["errors"], 0);
  EXPECT_EQ(results["errors"], 1);
  EXPECT_EQ(run("rows.jsonl").answered_now, 0);
}

TEST_F(AnswerSamplesTest, RefusesAJournalOfOtherSamples) {
  run("rows.jsonl");
  samples_[3].references = {"another"};
  EXPECT_THROW(run("rows.jsonl"), UserError);
}

TEST_F(AnswerSamplesTest, RescoringGivesTheSameRows) {
  const Run answers = run("rows.jsonl");
  EXPECT_EQ(rescored_rows(dir_ / "rows.jsonl"), answers.rows);
  Json row = answers.rows[0];
  row["answer"] = "it is " + row["references"][0].get<std::string>() + ".";
  write_json_lines(dir_ / "right.jsonl", {row});
  EXPECT_EQ(rescored_rows(dir_ / "right.jsonl")[0]["score"], 1.0);
  row["metric"] = "bleu";
  write_json_lines(dir_ / "unknown.jsonl", {row});
  EXPECT_THROW(rescored_rows(dir_ / "unknown.jsonl"), UserError);
}

TEST(TaskResults, AreMeansOfTheAnsweredSamples) {
  const auto row = [](const char* task, int length, double depth, Json score) {
    return Json{{"task", task}, {"length", length}, {"depth", depth}, {"score", std::move(score)}};
  };
  const Json results = task_results_json("s",
                                         {row("a", 10, 0.0, 1.0),
                                          row("a", 10, 1.0, 0.5),
                                          row("a", 20, 0.0, 0.25),
                                          row("b", 10, 0.0, nullptr),
                                          row("b", 20, 0.0, 0.75)});
  EXPECT_EQ(results["tasks"][0].dump(),
            R"({"task":"a","length":10,"score":0.75,"total":2,"errors":0})");
  EXPECT_EQ(results["tasks"][2].dump(),
            R"({"task":"b","length":10,"score":null,"total":1,"errors":1})");
  // No mean hides the task without a score.
  EXPECT_EQ(results["by_length"].dump(),
            R"([{"length":10,"score":null,"tasks":2},{"length":20,"score":0.5,"tasks":2}])");
  EXPECT_EQ(results["by_depth"].size(), 5u);
}

}  // namespace
}  // namespace retmask::eval
