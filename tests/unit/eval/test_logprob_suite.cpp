#include "retmask/base/error.h"
#include "retmask/engine/generator.h"
#include "retmask/eval/logprob_suite.h"
#include "tiny_subject.h"

namespace retmask::eval {
namespace {

class LogprobSuiteTest : public TinySubjectTest {
 protected:
  LogprobSuiteTest() {
    LogprobReader reader(*tokenizer_, checkpoint_.dir(), model_.config());
    rows_ = reader.read(write("rows.jsonl",
                              "{\"text\": \"the key of the mill\"}\n"
                              "{\"prompt\": \"a boat\", \"completion\": \" on the water\"}\n"
                              "{\"text\": \"!\"}\n"
                              "{\"text\": \"where the river bends\"}\n"));
  }

  struct Run {
    std::vector<Json> predictions;
    int64_t tokens_now;
  };
  Run run(const std::string& name, int64_t batch_tokens = 1000, std::vector<Head> masked = {}) {
    SampleJournal journal = open_journal(dir_ / name, rows_);
    const EvaluatedRows evaluated =
        run_logprob(subject(std::move(masked)), rows_, {.batch_tokens = batch_tokens}, journal);
    return {.predictions = std::move(journal).close(), .tokens_now = evaluated.tokens_now};
  }

  std::vector<LogprobRow> rows_;
};

TEST_F(LogprobSuiteTest, PredictionsHoldTheModelsLogprobs) {
  const Run result = run("a.jsonl");
  ASSERT_EQ(result.predictions.size(), 4u);
  const torch::NoGradGuard no_grad;
  for (size_t i = 0; i < rows_.size(); ++i) {
    const Json& prediction = result.predictions[i];
    const torch::Tensor expected = token_logprobs(model_, {rows_[i].tokens})[0];
    ASSERT_EQ(prediction["logprobs"].size(), rows_[i].tokens.size());
    EXPECT_TRUE(prediction["logprobs"][0].is_null());
    double sum = 0.0;
    for (int64_t t = 0; t < expected.size(0); ++t) {
      const double logprob = prediction["logprobs"][static_cast<size_t>(t + 1)].get<double>();
      EXPECT_NEAR(logprob, expected[t].item<double>(), 1e-5);
      sum += logprob;
    }
    EXPECT_DOUBLE_EQ(prediction["sum"].get<double>(), sum);
  }
  EXPECT_EQ(read_json_lines(dir_ / "a.jsonl", "predictions"), result.predictions);
}

TEST_F(LogprobSuiteTest, CompletionIsSummedByItself) {
  const Json prediction = run("a.jsonl").predictions[1];
  const auto start = prediction["completion_start"].get<size_t>();
  ASSERT_EQ(start, static_cast<size_t>(rows_[1].completion_start.value()));
  double sum = 0.0;
  for (size_t i = start; i < prediction["logprobs"].size(); ++i)
    sum += prediction["logprobs"][i].get<double>();
  EXPECT_DOUBLE_EQ(prediction["completion_sum"].get<double>(), sum);
  EXPECT_LT(prediction["sum"].get<double>(), sum);
}

TEST_F(LogprobSuiteTest, OneTokenHasNothingToPredict) {
  const Json prediction = run("a.jsonl").predictions[2];
  EXPECT_EQ(prediction["logprobs"], Json::array({nullptr}));
  EXPECT_EQ(prediction["sum"], 0.0);
  EXPECT_TRUE(prediction["mean"].is_null());
}

TEST_F(LogprobSuiteTest, BatchingAndGoingOnChangeNothing) {
  const Run whole = run("whole.jsonl");
  const Run single = run("single.jsonl", /*batch_tokens=*/1);
  for (size_t i = 0; i < rows_.size(); ++i) {
    EXPECT_NEAR(single.predictions[i]["sum"].get<double>(),
                whole.predictions[i]["sum"].get<double>(),
                1e-4);
  }
  write_json_lines(dir_ / "part.jsonl", {whole.predictions[0], whole.predictions[1]});
  const Run rest = run("part.jsonl");
  EXPECT_EQ(rest.tokens_now, static_cast<int64_t>(rows_[2].tokens.size() + rows_[3].tokens.size()));
  EXPECT_EQ(read_json_lines(dir_ / "part.jsonl", "predictions").size(), 4u);
  EXPECT_EQ(run("part.jsonl").tokens_now, 0);
}

TEST_F(LogprobSuiteTest, RefusesTheRowsOfOtherData) {
  run("other.jsonl");
  std::swap(rows_[0].tokens, rows_[3].tokens);
  EXPECT_THROW(run("other.jsonl"), UserError);
}

TEST_F(LogprobSuiteTest, MaskedHeadsCount) {
  const double all = run("all.jsonl").predictions[0]["sum"].get<double>();
  const double masked =
      run("masked.jsonl", 1000, {{0, 1}, {3, 2}}).predictions[0]["sum"].get<double>();
  EXPECT_GT(std::abs(all - masked), 1e-3);
}

TEST_F(LogprobSuiteTest, ResultsAddUp) {
  const Run result = run("a.jsonl");
  const Json results = logprob_results_json(result.predictions);
  double sum = 0.0;
  int64_t tokens = 0;
  for (const Json& prediction : result.predictions) {
    sum += prediction["sum"].get<double>();
    tokens += static_cast<int64_t>(prediction["tokens"].size()) - 1;
  }
  EXPECT_EQ(results["rows"], 4);
  EXPECT_EQ(results["tokens"], tokens);
  EXPECT_NEAR(results["sum"].get<double>(), sum, 1e-9);
  EXPECT_NEAR(
      results["perplexity"].get<double>(), std::exp(-sum / static_cast<double>(tokens)), 1e-9);
  EXPECT_EQ(results["completion"]["rows"], 1);
  EXPECT_EQ(results["completion"]["sum"], result.predictions[1]["completion_sum"]);
}

}  // namespace
}  // namespace retmask::eval
