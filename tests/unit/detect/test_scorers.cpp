// Each scorer on a model whose only retrieval head was built by hand.

#include "answer_steps.h"
#include "answers.h"
#include "planted_head.h"
#include "retmask/base/error.h"
#include "retmask/detect/detect.h"
#include "retmask/niah/sample_rows.h"
#include "unit/support/temp_dir.h"

namespace retmask::detect {
namespace {

using testing::TempDir;

constexpr double kWideMargin = 3.0;

Options options_of(Scorer scorer) {
  Options options;
  options.scorer = scorer;
  options.batch_size = 2;
  return options;
}

struct Path {
  const char* name;
  InferenceLm (*make)(CausalLm weights);
};

class Planted : public ::testing::TestWithParam<std::tuple<Scorer, Path>> {
 protected:
  Result detect(const std::vector<niah::Sample>& samples,
                const std::string& journal_name = "samples.jsonl") {
    return run({model_, planted_.tokenizer(), {planted_.eos()}},
               samples,
               options_,
               niah::open_journal(dir_ / journal_name, samples));
  }
  std::vector<HeadMean> ranked(const Result& result) const {
    return ranked_heads(head_scores(result, model_.config()).means());
  }

  const testing::TempDir dir_;
  const PlantedHead planted_;
  const InferenceLm model_ = std::get<1>(GetParam()).make(planted_.model());
  const Options options_ = options_of(std::get<0>(GetParam()));
  // The third is read in several chunks: the question lies in another one than the needle.
  const std::vector<niah::Sample> samples_ = {
      planted_.sample(10, 90), planted_.sample(60, 60), planted_.sample(30, 1100)};
};

INSTANTIATE_TEST_SUITE_P(
    Scorers,
    Planted,
    ::testing::Combine(
        ::testing::Values(Scorer::copy, Scorer::logit, Scorer::query, Scorer::ablation),
        ::testing::Values(
            Path{"own", [](CausalLm weights) { return InferenceLm(std::move(weights)); }},
            Path{"libtorch",
                 [](CausalLm weights) { return InferenceLm::with_libtorch(std::move(weights)); }})),
    [](const auto& test) {
      return to_string(std::get<0>(test.param)) + "_" + std::get<1>(test.param).name;
    });

TEST_P(Planted, HeadComesFirstByAWideMargin) {
  const Result result = detect(samples_);
  EXPECT_EQ(result.num_counted(), 3);
  const std::vector<HeadMean> heads = ranked(result);
  EXPECT_EQ(heads[0].head, PlantedHead::kHead);
  EXPECT_GT(heads[0].mean, 0.5);
  EXPECT_GT(heads[0].mean, kWideMargin * heads[1].mean) << to_string(heads[1].head);
  for (const Detection& detection : result.detections) {
    EXPECT_EQ(detection.answered, reads_answers(options_.scorer));
    EXPECT_EQ(detection.answer, detection.answered ? " n1 n2 n3 n4." : "");
  }
}

TEST_P(Planted, GoesOnWhereItWasStopped) {
  const Result whole = detect(samples_, "whole.jsonl");
  const std::vector<Json> rows = read_json_lines(dir_ / "whole.jsonl", "samples");
  write_json_lines(dir_ / "part.jsonl", {rows[1]});
  const Result rest = detect(samples_, "part.jsonl");
  EXPECT_EQ(rest.answered_now, 2);
  const HeadScores before = head_scores(whole, model_.config());
  const HeadScores after = head_scores(rest, model_.config());
  for (const auto& [head, scores] : before.samples) {
    for (size_t i = 0; i < scores.size(); ++i) {
      EXPECT_NEAR(after.samples.at(head).at(i), scores[i], 1e-5) << to_string(head);
    }
  }
  // Libtorch's results depend on the batch.
  if (!model_.has_own_kernels()) return;
  EXPECT_EQ(read_json_lines(dir_ / "part.jsonl", "samples"), rows);
}

TEST_P(Planted, WithoutANeedleNothingCounts) {
  niah::Sample sample = samples_[0];
  for (int64_t i = sample.span.begin; i < sample.span.end; ++i)
    sample.prompt[static_cast<size_t>(i)] = sample.prompt[0];
  sample.span = {};
  const Result result = detect({sample});
  EXPECT_EQ(result.num_counted(), 0);
  EXPECT_EQ(head_scores(result, model_.config()).num_samples(), 0);
}

TEST(CopyScorer, RowsSayWhichHeadsCopiedEachToken) {
  const testing::TempDir dir;
  const PlantedHead planted;
  const InferenceLm model(planted.model());
  const std::vector<niah::Sample> samples = {planted.sample(20, 200)};
  const Result result = run({model, planted.tokenizer(), {planted.eos()}},
                            samples,
                            {},
                            niah::open_journal(dir / "samples.jsonl", samples));
  const Json steps = read_json_lines(dir / "samples.jsonl", "samples")[0]["steps"];
  ASSERT_EQ(steps.size(), 5u);
  // Other heads, which are random, may copy by chance.
  const std::vector<std::string> texts = {" n1", " n2", " n3", " n4"};
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(steps[i]["text"], texts[i]);
    EXPECT_NE(std::ranges::find(steps[i]["copied_by"], "1-2"), steps[i]["copied_by"].end());
    const std::vector<Head>& heads = result.detections[0].steps[i].second;
    EXPECT_EQ(heads.size(), steps[i]["copied_by"].size());
    EXPECT_NE(std::ranges::find(heads, PlantedHead::kHead), heads.end());
  }
  EXPECT_EQ(steps[4], (Json{{"text", "."}, {"copied_by", Json::array()}}));
}

TEST(QueryScorer, ASampleWithoutAQuestionDoesNotCount) {
  const testing::TempDir dir;
  const PlantedHead planted;
  const InferenceLm model(planted.model());
  niah::Sample sample = planted.sample(20, 20);
  sample.question = {};
  const Result result = run({model, planted.tokenizer()},
                            {sample},
                            options_of(Scorer::query),
                            niah::open_journal(dir / "samples.jsonl", {sample}));
  EXPECT_EQ(result.num_counted(), 0);
  EXPECT_TRUE(read_json_lines(dir / "samples.jsonl", "samples")[0]["scores"].is_null());
}

TEST(AblationScorer, RefusesANeedleThatDoesNotFitBehindThePrompt) {
  const testing::TempDir dir;
  const PlantedHead planted;
  const InferenceLm model(planted.model());
  const std::vector<niah::Sample> samples = {planted.sample(2000, 2090)};
  EXPECT_THROW(run({model, planted.tokenizer()},
                   samples,
                   options_of(Scorer::ablation),
                   niah::open_journal(dir / "samples.jsonl", samples)),
               UserError);
}

class AnswerSteps : public ::testing::Test {
 protected:
  std::vector<size_t> steps(const std::string& answer, const std::string& real_needle) {
    niah::Sample sample;
    sample.real_needle = real_needle;
    sample.needle_tokens = tokenizer_.encode(real_needle, false);
    const auto tokens = tokenizer_.encode(answer, false);
    return answer_steps(tokens, sample, token_texts(tokens, tokenizer_));
  }
  niah::WordTokenizer tokenizer_;
};

TEST_F(AnswerSteps, ExactTokensComeFirst) {
  // The text is found earlier, but made of other tokens: the first word has no space before it.
  EXPECT_EQ(steps("blue stone or blue stone", " blue stone"), (std::vector<size_t>{3, 4}));
}

TEST_F(AnswerSteps, ElseTheText) {
  EXPECT_EQ(steps("Under THE Blue stone.", "the blue"), (std::vector<size_t>{1, 2}));
  EXPECT_EQ(steps("in bluest water", "blue"), (std::vector<size_t>{1}));
  EXPECT_TRUE(steps("nowhere", "blue").empty());
  EXPECT_TRUE(steps("", "blue").empty());
}

}  // namespace
}  // namespace retmask::detect
