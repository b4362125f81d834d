// Concentration and rank correlation against numpy (tests/golden/make_certainty_golden.py), with
// the published score files as worked examples.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "retmask/base/head_scores.h"
#include "retmask/metrics/concentration.h"
#include "retmask/metrics/rank_correlation.h"
#include "unit/support/golden_files.h"

namespace retmask {
namespace {

const Json& concentration_golden() {
  static const Json instance = testing::golden_json("certainty.json");
  return instance;
}

void expect_concentration(const Json& expected, const std::vector<double>& scores) {
  for (const auto& [fraction, share] : expected["top_share"].items())
    EXPECT_NEAR(top_share(scores, std::stod(fraction)), share.get<double>(), 1e-12) << fraction;
  EXPECT_NEAR(gini(scores), expected["gini"].get<double>(), 1e-12);
  EXPECT_NEAR(hoyer(scores), expected["hoyer"].get<double>(), 1e-12);
}

TEST(Concentration, EqualsNumpy) {
  ASSERT_EQ(concentration_golden()["concentration"].size(), 5u);
  for (const Json& row : concentration_golden()["concentration"])
    expect_concentration(row, row["scores"].get<std::vector<double>>());
}

TEST(Concentration, PublishedScores) {
  for (const auto& [model, expected] : concentration_golden()["published"].items()) {
    const std::filesystem::path path =
        std::filesystem::path(RETMASK_SHARED_DIR) / "reference/head_score" / (model + ".json");
    if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is not here";
    const HeadMeans means =
        parse_head_scores(read_json_file(path, "scores"), path.string()).means();
    std::vector<double> scores;
    for (const auto& [head, mean] : means) scores.push_back(mean);
    EXPECT_EQ(scores.size(), expected["heads"].get<size_t>());
    const double threshold = expected["threshold"].get<double>();
    const auto over = std::ranges::count_if(scores, [&](double s) { return s >= threshold; });
    EXPECT_EQ(over, expected["over"].get<int64_t>()) << model;
    expect_concentration(expected, scores);
  }
}

TEST(Concentration, NegativeScoresHaveNoShare) {
  const std::vector<double> scores = {3.0, -2.0, 1.0, -0.5};
  const std::vector<double> clipped = {3.0, 0.0, 1.0, 0.0};
  EXPECT_EQ(gini(scores), gini(clipped));
  EXPECT_EQ(hoyer(scores), hoyer(clipped));
  EXPECT_EQ(top_share(scores, 0.25), 0.75);
}

TEST(Concentration, IsUndefinedWithoutScores) {
  for (const std::vector<double>& scores : {std::vector<double>{0.0, 0.0}, {-1.0, -2.0}, {}}) {
    EXPECT_TRUE(std::isnan(gini(scores)));
    EXPECT_TRUE(std::isnan(hoyer(scores)));
    EXPECT_TRUE(std::isnan(top_share(scores, 0.1)));
  }
}

TEST(Concentration, TopShareRoundsTheCountUp) {
  const std::vector<double> ten(10, 1.0);
  EXPECT_DOUBLE_EQ(top_share(ten, 0.01), 0.1);
  EXPECT_DOUBLE_EQ(top_share(ten, 0.11), 0.2);
  EXPECT_DOUBLE_EQ(top_share(std::vector<double>(30, 1.0), 0.1), 0.1);  // 0.1 x 30 > 3
}

TEST(RankCorrelation, EqualsNumpy) {
  for (const Json& row : concentration_golden()["spearman"]) {
    const double rho =
        spearman(row["a"].get<std::vector<double>>(), row["b"].get<std::vector<double>>());
    EXPECT_NEAR(rho, row["spearman"].get<double>(), 1e-12);
  }
}

TEST(RankCorrelation, TiesShareARank) {
  EXPECT_EQ(descending_ranks(std::vector<double>{0.5, 0.9, 0.5, 0.0}),
            (std::vector<double>{2.5, 1.0, 2.5, 4.0}));
  const std::vector<double> equal(4, 1.0);
  EXPECT_TRUE(std::isnan(spearman(equal, equal)));
}

}  // namespace
}  // namespace retmask
