#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <vector>

#include "retmask/base/error.h"
#include "retmask/base/json.h"
#include "retmask/engine/sampler.h"
#include "unit/support/golden.h"

namespace retmask {
namespace {

const std::vector<float> kLogits{0.0F, 2.0F, 1.0F, -1.0F, 2.0F};

std::map<int64_t, double> frequencies(const SamplingParams& params, int draws) {
  std::map<int64_t, double> seen;
  RandomStream random(7, "test");
  Sampler sampler;
  for (int i = 0; i < draws; ++i) {
    seen[sampler.sample(kLogits.data(), static_cast<int64_t>(kLogits.size()), params, random).id] +=
        1.0 / draws;
  }
  return seen;
}

// softmax(logits / temperature) over the kept ids.
std::map<int64_t, double> expected(const std::vector<int64_t>& kept, double temperature) {
  std::map<int64_t, double> result;
  double total = 0;
  for (const int64_t id : kept) total += result[id] = std::exp(kLogits[id] / temperature);
  for (auto& [id, probability] : result) probability /= total;
  return result;
}

void expect_close(const std::map<int64_t, double>& seen, const std::map<int64_t, double>& wanted) {
  ASSERT_EQ(seen.size(), wanted.size());
  for (const auto& [id, probability] : wanted)
    EXPECT_NEAR(seen.at(id), probability, 0.01) << "token " << id;
}

TEST(Sampler, GreedyTakesTheFirstLargest) {
  RandomStream random(1, "greedy");
  const RandomStream untouched = random;
  const SampledToken token = Sampler().sample(kLogits.data(), 5, {}, random);
  EXPECT_EQ(token.id, 1);
  EXPECT_EQ(random.state(), untouched.state());
  double total = 0;
  for (const float logit : kLogits) total += std::exp(logit);
  EXPECT_NEAR(token.logprob, 2.0 - std::log(total), 1e-6);
}

TEST(Sampler, FollowsTheTemperedDistribution) {
  expect_close(frequencies({.temperature = 0.6}, 100000), expected({0, 1, 2, 3, 4}, 0.6));
  expect_close(frequencies({.temperature = 1.5}, 100000), expected({0, 1, 2, 3, 4}, 1.5));
}

TEST(Sampler, TopKKeepsTheMostProbable) {
  expect_close(frequencies({.temperature = 1.0, .top_k = 3}, 100000), expected({1, 2, 4}, 1.0));
  expect_close(frequencies({.temperature = 1.0, .top_k = 1}, 100), expected({1}, 1.0));
}

TEST(Sampler, TopPKeepsTheSmallestSetThatReachesIt) {
  // Probabilities 0.39, 0.39, 0.14, 0.05, 0.02.
  expect_close(frequencies({.temperature = 1.0, .top_p = 0.7}, 100000), expected({1, 4}, 1.0));
  expect_close(frequencies({.temperature = 1.0, .top_p = 0.85}, 100000), expected({1, 4, 2}, 1.0));
  expect_close(frequencies({.temperature = 1.0, .top_p = 0.01}, 100), expected({1}, 1.0));
}

TEST(Sampler, MinPKeepsAShareOfTheLargest) {
  // exp(-1) = 0.37 of the largest, exp(-2) = 0.14.
  expect_close(frequencies({.temperature = 1.0, .min_p = 0.3}, 100000), expected({1, 2, 4}, 1.0));
  expect_close(frequencies({.temperature = 1.0, .min_p = 1.0}, 100000), expected({1, 4}, 1.0));
}

// The expected token: the first id whose cumulative probability exceeds the random number. nullopt
// if rounding could decide between two.
std::optional<int64_t> drawn_by(double uniform, const std::vector<double>& probabilities) {
  double rest = uniform;
  for (size_t id = 0; id < probabilities.size(); ++id) {
    rest -= probabilities[id];
    if (std::abs(rest) < 4e-6) return std::nullopt;
    if (rest < 0) return static_cast<int64_t>(id);
  }
  return std::nullopt;
}

// Checks the exact token of each draw: a filter that keeps one token too many or too few shifts
// them all. Sorting and partial sums must not matter: the GPU sampler draws the same token for the
// same number.
void expect_draws(const std::vector<float>& logits,
                  const SamplingParams& params,
                  const std::vector<double>& probabilities,
                  int draws) {
  SCOPED_TRACE(::testing::Message()
               << "temperature " << params.temperature << ", top-k " << params.top_k << ", top-p "
               << params.top_p << ", min-p " << params.min_p);
  double total = 0;
  for (const float logit : logits) total += std::exp(static_cast<double>(logit));
  RandomStream random(9, "order");
  Sampler sampler;
  int compared = 0;
  for (int i = 0; i < draws; ++i) {
    const auto expected_id = drawn_by(RandomStream(random).uniform(), probabilities);
    const SampledToken token =
        sampler.sample(logits.data(), static_cast<int64_t>(logits.size()), params, random);
    if (!expected_id) continue;
    ++compared;
    ASSERT_EQ(token.id, *expected_id) << "draw " << i;
    ASSERT_NEAR(token.logprob, logits[static_cast<size_t>(token.id)] - std::log(total), 1e-5);
  }
  EXPECT_GT(compared, draws * 9 / 10);
}

TEST(Sampler, KeptTokensAreDrawnInTheOrderOfTheirIds) {
  std::vector<double> probabilities(kLogits.size());
  for (const auto& [id, probability] : expected({1, 2, 4}, 1.0))
    probabilities[static_cast<size_t>(id)] = probability;
  expect_draws(kLogits, {.temperature = 1.0, .top_k = 3}, probabilities, 200);
  expect_draws(kLogits, {.temperature = 1.0, .top_p = 0.85}, probabilities, 200);
}

Json sampling_golden() { return testing::golden_json("sampling.json"); }

// A case of make_sampling_golden.py.
struct PenaltyCase {
  explicit PenaltyCase(const Json& json)
      : logits(json["logits"].get<std::vector<float>>()),
        seen(json["seen"].get<std::vector<int64_t>>()),
        params{.temperature = json["temperature"],
               .top_p = json["top_p"],
               .top_k = json["top_k"],
               .min_p = json["min_p"],
               .repetition_penalty = json["repetition_penalty"]},
        penalised(json["penalised"].get<std::vector<float>>()),
        probabilities(json["probabilities"].get<std::vector<double>>()) {}

  // In two parts, as prompt and answer.
  SampledToken sample(const SamplingParams& by, RandomStream& random) {
    const std::span<const int64_t> all(seen);
    const auto size = static_cast<int64_t>(logits.size());
    return sampler.sample(logits.data(), size, by, random, {all.first(6), all.subspan(6)});
  }

  std::vector<float> logits;
  std::vector<int64_t> seen;
  SamplingParams params;
  std::vector<float> penalised;
  std::vector<double> probabilities;
  Sampler sampler;
};

TEST(Sampler, RepetitionPenaltyEqualsTransformers) {
  const Json golden = sampling_golden();
  for (const Json& json : golden["cases"]) {
    PenaltyCase penalty(json);
    RandomStream random(3, "penalty");
    SamplingParams greedy = penalty.params;
    greedy.temperature = 0;
    const auto best = std::ranges::max_element(penalty.penalised) - penalty.penalised.begin();
    EXPECT_EQ(penalty.sample(greedy, random).id, best);

    std::vector<double> seen(penalty.logits.size());
    constexpr int kDraws = 100000;
    for (int i = 0; i < kDraws; ++i)
      seen[static_cast<size_t>(penalty.sample(penalty.params, random).id)] += 1.0 / kDraws;
    for (size_t id = 0; id < seen.size(); ++id) {
      const double wanted = penalty.probabilities[id];
      EXPECT_NEAR(seen[id], wanted, 0.01) << "token " << id;
      EXPECT_EQ(seen[id] > 0, wanted > 0) << "token " << id;
    }
  }
}

// The log-prob is that of the model's distribution, whatever the sampling options.
TEST(Sampler, LogprobIsThatOfTheUnpenalisedDistribution) {
  const Json golden = sampling_golden();
  PenaltyCase penalty(golden["cases"][1]);
  double total = 0;
  for (const float logit : penalty.logits) total += std::exp(logit);
  RandomStream random(3, "logprob");
  for (int i = 0; i < 50; ++i) {
    const SampledToken token = penalty.sample(penalty.params, random);
    EXPECT_NEAR(
        token.logprob, penalty.logits[static_cast<size_t>(token.id)] - std::log(total), 1e-5);
  }
}

// min-p and top-p apply to the tempered distribution, so the temperature affects what is kept.
TEST(Sampler, FiltersSeeTheTemperedDistributionAsInTransformers) {
  const Json golden = sampling_golden();
  std::set<size_t> numbers_kept;
  for (const Json& json : golden["tempered"]["cases"]) {
    const auto probabilities = json["probabilities"].get<std::vector<double>>();
    expect_draws(golden["tempered"]["logits"].get<std::vector<float>>(),
                 {.temperature = json["temperature"],
                  .top_p = json["top_p"],
                  .top_k = json["top_k"],
                  .min_p = json["min_p"]},
                 probabilities,
                 500);
    numbers_kept.insert(static_cast<size_t>(
        std::ranges::count_if(probabilities, [](double value) { return value > 0; })));
  }
  EXPECT_GT(numbers_kept.size(), 4U);
}

// softmax(logits / temperature) of the ids that the filters keep, computed by sorting the whole
// vocabulary.
std::vector<double> kept_probabilities(const std::vector<float>& logits,
                                       const SamplingParams& params) {
  std::vector<int64_t> order(logits.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order, [&](int64_t a, int64_t b) { return logits[a] > logits[b]; });
  std::vector<double> weights(logits.size());
  for (size_t id = 0; id < logits.size(); ++id)
    weights[id] =
        std::exp((logits[id] - static_cast<double>(logits[order[0]])) / params.temperature);
  if (params.top_k > 0) {
    for (size_t i = static_cast<size_t>(params.top_k); i < order.size(); ++i) weights[order[i]] = 0;
  }
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  double reached = 0;
  for (const int64_t id : order) {
    const double weight = weights[id];
    if (reached >= params.top_p * total || weight < params.min_p) weights[id] = 0;
    reached += weight;
  }
  const double kept = std::accumulate(weights.begin(), weights.end(), 0.0);
  for (double& weight : weights) weight /= kept;
  return weights;
}

// More tokens than fit one partial sum and one sorted chunk; many ties.
TEST(Sampler, LargeVocabulary) {
  constexpr int64_t kVocabSize = 3000;
  std::vector<float> logits(kVocabSize);
  for (int64_t i = 0; i < kVocabSize; ++i) logits[i] = static_cast<float>((i * 7919) % 1000) / 500;
  for (const SamplingParams& params : {SamplingParams{.temperature = 1.0},
                                       SamplingParams{.temperature = 0.3, .top_p = 0.9},
                                       SamplingParams{.temperature = 1.0, .top_p = 0.9},
                                       SamplingParams{.temperature = 1.0, .top_k = 301},
                                       SamplingParams{.temperature = 2.0, .min_p = 0.5}}) {
    expect_draws(logits, params, kept_probabilities(logits, params), 200);
  }
}

TEST(Sampler, RefusesImpossibleParameters) {
  EXPECT_THROW(SamplingParams{.min_p = 1.5}.validate(), UserError);
  EXPECT_THROW(SamplingParams{.temperature = -1}.validate(), UserError);
  EXPECT_THROW(SamplingParams{.temperature = 1e-39}.validate(), UserError) << "1 / it is no float";
  EXPECT_THROW(SamplingParams{.temperature = 1e39}.validate(), UserError) << "1 / it is 0: greedy";
  EXPECT_NO_THROW(SamplingParams{.temperature = 1e-5}.validate());
  EXPECT_THROW(SamplingParams{.top_p = 0}.validate(), UserError);
  EXPECT_THROW(SamplingParams{.top_p = 1.5}.validate(), UserError);
  EXPECT_THROW(SamplingParams{.top_k = -2}.validate(), UserError);
  EXPECT_THROW(SamplingParams{.repetition_penalty = 0}.validate(), UserError);
  EXPECT_THROW(SamplingParams{.repetition_penalty = NAN}.validate(), UserError);
}

}  // namespace
}  // namespace retmask
