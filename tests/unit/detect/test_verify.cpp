// --verify: its masks, its curve, and a run on the tiny random model.

#include <algorithm>

#include "control_questions.h"
#include "retmask/detect/verify.h"
#include "retmask/engine/generator.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/tiny_model.h"
#include "verify_curve.h"

namespace retmask::detect {
namespace {

// Ten heads in one layer; head h has the score h / 10 - 0.4, at least 0: five have 0.
HeadMeans ten_heads() {
  HeadMeans means;
  for (int64_t h = 0; h < 10; ++h)
    means[{0, h}] = std::max(0.0, 0.1 * static_cast<double>(h) - 0.4);
  return means;
}

TEST(VerifyPolicies, TopRandomAndBottom) {
  const std::vector<VerifyPolicy> policies = verify_policies(ten_heads(), {2, 4}, 0);
  ASSERT_EQ(policies.size(), 1u + 2 + 2 * kRandomDraws + 2);
  EXPECT_EQ(policies[0].mask, "none");
  EXPECT_TRUE(policies[0].heads.empty());
  EXPECT_EQ(policies[1].heads, (HeadMask{{0, 8}, {0, 9}}));
  EXPECT_EQ(policies[2].heads, (HeadMask{{0, 6}, {0, 7}, {0, 8}, {0, 9}}));
  for (size_t p = 3; p < 3 + 2 * kRandomDraws; ++p) {
    const VerifyPolicy& policy = policies[p];
    EXPECT_EQ(policy.mask, "random");
    EXPECT_EQ(policy.k, p < 3 + kRandomDraws ? 2 : 4);
    EXPECT_EQ(policy.heads.size(), static_cast<size_t>(policy.k));
    for (const Head& head : policy.heads) EXPECT_LT(head.head, 10 - policy.k);
  }
  EXPECT_FALSE(policies[6].heads == policies[7].heads);
  for (const Head& head : policies.back().heads) EXPECT_LE(head.head, 4) << "has no score of 0";
}

TEST(VerifyPolicies, SeedDrawsHeadsAndTiesAtTheBottom) {
  const auto drawn = [](uint64_t seed, size_t policy) {
    return verify_policies(ten_heads(), {3}, seed)[policy].heads.heads();
  };
  EXPECT_EQ(drawn(5, 2), drawn(5, 2));
  EXPECT_NE(drawn(5, 2), drawn(6, 2));
  std::set<std::vector<Head>> bottoms;
  for (uint64_t seed = 0; seed < 20; ++seed) bottoms.insert(drawn(seed, 5));
  EXPECT_GT(bottoms.size(), 4u);
}

TEST(VerifyOptions, Mistakes) {
  expect_user_error([] { VerifyOptions{.ks = {0}}.validate(); }, {"--verify holds 0"});
  expect_user_error([] { VerifyOptions{.ks = {5, 5}}.validate(); }, {"--verify holds 5 twice"});
  expect_user_error([] { VerifyOptions{.samples = 3}.validate(); }, {"--verify-samples"});
  expect_user_error([] { VerifyOptions{.pick = Pick::k}.validate(); }, {"--pick"});
  expect_user_error([] { parse_pick("heads"); }, {"--pick", "k, threshold"});
  expect_user_error([] { check_ks({2, 6}, 10); }, {"--verify holds 6", "10 heads", "at most 5"});
}

// Of 20 samples and 10 questions.
VerifyDraw draw_with(int64_t right, int64_t questions, double logprob) {
  return {
      .heads = {}, .num_right = right, .num_questions_right = questions, .needle_logprob = logprob};
}

// Right answers without a mask, and with 1, 2 and 3 heads masked.
std::vector<VerifyPoint> curve_with(std::array<int64_t, 4> retrieval) {
  const std::vector<VerifyPolicy> policies = verify_policies(ten_heads(), {1, 2, 3}, 0);
  std::vector<VerifyDraw> draws(policies.size(), draw_with(16, 9, -1.0));
  for (size_t p = 0; p < 4; ++p) draws[p] = draw_with(retrieval[p], 8, -2.0);
  draws[4] = draw_with(18, 7, -4.0);  // the first of the random draws with one head
  return verify_curve(policies, draws, 20, 10);
}

TEST(VerifyCurve, PointsOfAllMasks) {
  const std::vector<VerifyPoint> curve = curve_with({16, 10, 2, 1});
  ASSERT_EQ(curve.size(), 12u);
  std::vector<std::pair<std::string, int64_t>> names;
  for (const VerifyPoint& point : curve) names.emplace_back(point.mask, point.k);
  EXPECT_EQ(names[0], (std::pair<std::string, int64_t>{"retrieval", 0}));
  EXPECT_EQ(names[5], (std::pair<std::string, int64_t>{"random", 1}));
  EXPECT_EQ(names[11], (std::pair<std::string, int64_t>{"bottom", 3}));

  EXPECT_DOUBLE_EQ(curve[2].rate, 0.1);
  EXPECT_DOUBLE_EQ(curve[2].needle_logprob, -2.0);
  EXPECT_DOUBLE_EQ(curve[2].parametric_rate, 0.8);
  EXPECT_EQ(curve[2].rate_interval, wilson_interval(2, 20));
  // Three draws with 18, 16 and 16 right.
  EXPECT_DOUBLE_EQ(curve[5].rate, (18 + 16 + 16) / 60.0);
  EXPECT_DOUBLE_EQ(curve[5].needle_logprob, -2.0);
  EXPECT_EQ(curve[5].rate_interval,
            (Interval{wilson_interval(16, 20).low, wilson_interval(18, 20).high}));
  EXPECT_EQ(curve[5].parametric_interval,
            (Interval{wilson_interval(7, 10).low, wilson_interval(9, 10).high}));
}

TEST(VerifyCurve, PicksWhereTheEffectSaturates) {
  // Of the largest effect, 15 samples, 14 are there with two heads and 6 with one.
  const VerifyChoice choice = choose(curve_with({16, 10, 2, 1}), ten_heads(), Pick::threshold);
  EXPECT_EQ(choice.k, 2);
  EXPECT_DOUBLE_EQ(choice.threshold, 0.5 * (0.4 + 0.3));
  EXPECT_EQ(choice.num_selected, 2);
  EXPECT_EQ(choose(curve_with({16, 10, 3, 1}), ten_heads(), Pick::k).k, 3);
  // A fall that its interval does not tell from none.
  EXPECT_FALSE(choose(curve_with({16, 15, 14, 13}), ten_heads(), Pick::k).k);
}

TEST(ControlQuestions, AreJudgedBySubstring) {
  const std::span<const ControlQuestion> questions = control_questions();
  EXPECT_GE(questions.size(), 24u);
  EXPECT_TRUE(is_right(questions[0], "The capital of France is PARIS."));
  EXPECT_FALSE(is_right(questions[0], "The capital of France is Lyon."));
  for (const ControlQuestion& question : questions) {
    EXPECT_FALSE(is_right(question, question.question)) << "an echo would be right";
    EXPECT_TRUE(is_right(question, question.answer)) << "has an upper-case letter";
  }
}

class VerifyRun : public testing::TinyModelTest {
 protected:
  VerifyRun() {
    const niah::GridOptions grid{.lengths = {100}, .depths = 2, .max_new_tokens = 6};
    samples_ = build_samples(
        grid, niah::load_needles_and_haystacks("", ""), {encoder(), model_.config().max_positions});
    const ModelConfig& config = model_.config();
    for (int64_t layer = 0; layer < config.num_hidden_layers(); ++layer) {
      for (int64_t head = 0; head < config.num_attention_heads; ++head)
        means_[{layer, head}] = 0.01 * static_cast<double>(layer * 7 + head * 3 % 5);
    }
  }

  ChatEncoder encoder() const { return {*tokenizer_, template_.get()}; }
  Verification verify_into(const std::string& name) {
    Journal journal(dir_ / name);
    return verify({model_, *tokenizer_, checkpoint_.eos_token_ids()},
                  encoder(),
                  samples_,
                  means_,
                  options_,
                  journal);
  }
  std::vector<Json> rows(const std::string& name) const {
    return read_json_lines(dir_ / name, "rows");
  }

  VerifyOptions options_{.ks = {2}, .samples = 2, .max_new_tokens = 6, .batch_size = 4};
  std::vector<niah::Sample> samples_;
  HeadMeans means_;
};

TEST_F(VerifyRun, GoesOnWhereItWasStopped) {
  const Verification whole = verify_into("whole.jsonl");
  const size_t questions = control_questions().size();
  EXPECT_EQ(whole.num_samples, 2);
  const std::vector<Json> all = rows("whole.jsonl");
  ASSERT_EQ(all.size(), 6 * (2 + questions));
  EXPECT_EQ(whole.answered_now, static_cast<int64_t>(all.size()));

  // The journal of a stopped run is in completion order.
  write_json_lines(dir_ / "part.jsonl", {all[150], all[7], all[100]});
  EXPECT_EQ(to_json(verify_into("part.jsonl")), to_json(whole));
  EXPECT_EQ(rows("part.jsonl"), all);
  EXPECT_EQ(verify_into("part.jsonl").answered_now, 0);

  // Rows of the same heads serve other numbers of heads.
  options_.ks = {3, 2};
  const Verification other = verify_into("part.jsonl");
  EXPECT_EQ(other.answered_now, 5 * static_cast<int64_t>(2 + questions));
}

TEST_F(VerifyRun, LogprobIsThatOfTheNeedleUnderTheMask) {
  options_.samples = 0;
  verify_into("rows.jsonl");
  const torch::InferenceMode inference;
  const std::vector<VerifyPolicy> policies = verify_policies(means_, {2}, 0);
  const std::vector<Json> all = rows("rows.jsonl");
  const size_t items = 6 + control_questions().size();
  for (const size_t p : {size_t{0}, size_t{1}, size_t{5}}) {
    const Json& row = all[p * items + 3];
    EXPECT_EQ(row["of"]["mask"], policies[p].mask);
    std::vector<int64_t> whole = samples_[3].prompt;
    const auto first = static_cast<int64_t>(whole.size());
    whole.insert(whole.end(), samples_[3].needle_tokens.begin(), samples_[3].needle_tokens.end());
    const double expected =
        token_logprobs(model_, {whole}, {first}, policies[p].heads).front().mean().item<double>();
    EXPECT_NEAR(row["needle_logprob"].get<double>(), expected, 1e-4);
  }
  EXPECT_NE(all[3]["needle_logprob"], all[items + 3]["needle_logprob"]);
}

TEST_F(VerifyRun, MeanMasksAreAskedAnew) {
  options_.samples = 1;
  verify_into("rows.jsonl");
  const std::vector<Json> zero = rows("rows.jsonl");
  const auto head_dim = static_cast<size_t>(model_.config().head_dim);
  options_.mask_of = [&](const std::vector<Head>& heads) {
    return HeadMask(heads, HeadMask::Means(heads.size(), std::vector<float>(head_dim, 0.5F)));
  };
  const size_t items = 1 + control_questions().size();
  // All but those without a mask.
  EXPECT_EQ(verify_into("rows.jsonl").answered_now, static_cast<int64_t>(5 * items));
  const std::vector<Json> mean = rows("rows.jsonl");
  EXPECT_EQ(mean[0], zero[0]);
  EXPECT_NE(mean[items]["needle_logprob"], zero[items]["needle_logprob"]);
  EXPECT_EQ(verify_into("rows.jsonl").answered_now, 0);
}

TEST_F(VerifyRun, BatchSizeChangesNothing) {
  verify_into("batch4.jsonl");
  options_.batch_size = 1;
  verify_into("batch1.jsonl");
  EXPECT_EQ(rows("batch1.jsonl"), rows("batch4.jsonl"));
}

TEST_F(VerifyRun, AsksAPartOfTheSamples) {
  const Verification part = verify_into("part.jsonl");
  EXPECT_EQ(part.num_samples, 2);
  options_.samples = 4;  // has the two
  EXPECT_EQ(verify_into("part.jsonl").answered_now, 2 * 6);
}

}  // namespace
}  // namespace retmask::detect
