#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
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

// However the filters went about it: the GPU's sampler draws the same token for the same number.
TEST(Sampler, KeptTokensAreDrawnInTheOrderOfTheirIds) {
  const std::vector<int64_t> kept{1, 2, 4};
  const auto probabilities = expected(kept, 1.0);
  RandomStream random(9, "order");
  Sampler sampler;
  for (const SamplingParams& params : {SamplingParams{.temperature = 1.0, .top_k = 3},
                                       SamplingParams{.temperature = 1.0, .top_p = 0.85}}) {
    for (int i = 0; i < 200; ++i) {
      double rest = RandomStream(random).uniform();
      const int64_t id = sampler.sample(kLogits.data(), 5, params, random).id;
      size_t wanted = 0;
      while (rest >= probabilities.at(kept[wanted])) rest -= probabilities.at(kept[wanted++]);
      EXPECT_EQ(id, kept[wanted]);
    }
  }
}

Json sampling_golden() {
  return read_json_file(testing::golden_dir() / "sampling.json", "golden file");
}

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

  // As prompt and answer come, in two parts.
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

// The log-prob is the model's own, whatever the token was drawn from.
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

// More tokens than one partial sum and than one sorted stretch hold.
TEST(Sampler, LargeVocabulary) {
  constexpr int64_t kVocabSize = 3000;
  std::vector<float> logits(kVocabSize);
  for (int64_t i = 0; i < kVocabSize; ++i) logits[i] = static_cast<float>((i * 7919) % 1000) / 500;
  double total = 0;
  for (const float logit : logits) total += std::exp(logit);
  Sampler sampler;
  RandomStream random(5, "large");
  for (const double top_p : {1.0, 0.9}) {
    double mean = 0;
    constexpr int kDraws = 20000;
    for (int i = 0; i < kDraws; ++i) {
      const SampledToken token =
          sampler.sample(logits.data(), kVocabSize, {.temperature = 1.0, .top_p = top_p}, random);
      ASSERT_NEAR(token.logprob, logits[token.id] - std::log(total), 1e-5);
      mean += logits[token.id] / kDraws;
    }
    std::vector<float> sorted = logits;
    std::sort(sorted.rbegin(), sorted.rend());
    double kept = 0;
    double wanted = 0;
    for (const float logit : sorted) {
      if (kept >= top_p * total) break;
      kept += std::exp(logit);
      wanted += std::exp(logit) * logit;
    }
    EXPECT_NEAR(mean, wanted / kept, 0.02) << "top_p " << top_p;
  }
}

TEST(Sampler, RefusesImpossibleParameters) {
  EXPECT_THROW(SamplingParams{.min_p = 1.5}.validate(), UserError);
  EXPECT_THROW(SamplingParams{.temperature = -1}.validate(), UserError);
  EXPECT_THROW(SamplingParams{.top_p = 0}.validate(), UserError);
  EXPECT_THROW(SamplingParams{.top_p = 1.5}.validate(), UserError);
  EXPECT_THROW(SamplingParams{.top_k = -2}.validate(), UserError);
  EXPECT_THROW(SamplingParams{.repetition_penalty = 0}.validate(), UserError);
  EXPECT_THROW(SamplingParams{.repetition_penalty = NAN}.validate(), UserError);
}

}  // namespace
}  // namespace retmask
