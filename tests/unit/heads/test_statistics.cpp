#include <gtest/gtest.h>

#include "retmask/metrics/rank_correlation.h"
#include "statistics.h"
#include "unit/support/golden_files.h"

namespace retmask {
namespace {

TEST(RankCorrelation, IsScipys) {
  const Json golden = testing::golden_json("heads.json");
  for (const Json& row : golden.at("spearman")) {
    const auto rank_a = descending_ranks(row.at("a").get<std::vector<double>>());
    const auto rank_b = descending_ranks(row.at("b").get<std::vector<double>>());
    EXPECT_EQ(rank_a, row.at("rank_a").get<std::vector<double>>());
    EXPECT_EQ(rank_b, row.at("rank_b").get<std::vector<double>>());
    const std::optional<double> rho = correlation(rank_a, rank_b);
    ASSERT_EQ(rho.has_value(), !row.at("rho").is_null()) << row;
    if (!rho) continue;
    EXPECT_NEAR(*rho, row.at("rho").get<double>(), 1e-12) << row;
  }
}

TEST(RankCorrelation, NeedsTwoValues) {
  EXPECT_FALSE(correlation({}, {}));
  EXPECT_FALSE(correlation(std::vector<double>{1}, std::vector<double>{2}));
}

TEST(OverlapPValue, IsScipys) {
  const Json golden = testing::golden_json("heads.json");
  for (const Json& row : golden.at("overlap")) {
    const double p =
        overlap_p_value(row.at("common"), row.at("k_a"), row.at("k_b"), row.at("total"));
    const double expected = row.at("p");
    EXPECT_NEAR(p, expected, 1e-8 * expected + 1e-200) << row;
  }
}

}  // namespace
}  // namespace retmask
