#include <gtest/gtest.h>

#include "retmask/heads/compare.h"
#include "unit/support/expect_user_error.h"

namespace retmask {
namespace {

// 2 layers of 8 heads, 2 key/value heads each; `score` of the number of the head.
template <typename Score>
NamedHeadList scores(const std::string& name, const Score& score) {
  HeadMeans means;
  for (int64_t i = 0; i < 16; ++i) means[{i / 8, i % 8}] = score(i);
  return {name, list_with_scores(HeadForm::head_scores, means)};
}

NamedHeadList text(const std::string& name, const std::string& content) {
  return {name, parse_head_list(content, name)};
}

const NamedHeadList kRising = scores("rising", [](int64_t i) { return static_cast<double>(i); });
const NamedHeadList kFalling = scores("falling", [](int64_t i) { return -static_cast<double>(i); });
const NamedHeadList kList = text("list", "attn_head_set: 1-7,0-0,1-6");
const NamedHeadList kGates = text("gates", "0.5\t0.25\n1\t0\n");

HeadComparison compare(const NamedHeadList& a,
                       const NamedHeadList& b,
                       CompareOptions options = {}) {
  return compare_heads({a, b}, options).pairs.at(0);
}

void expect_error(const std::vector<NamedHeadList>& lists,
                  const CompareOptions& options,
                  const std::vector<std::string>& parts) {
  expect_user_error([&] { compare_heads(lists, options); }, parts);
}

TEST(CompareHeads, TwoListsWithScores) {
  const HeadComparison pair = compare(kRising, kFalling, {.top = {4}});
  EXPECT_DOUBLE_EQ(pair.spearman.value(), -1);
  ASSERT_EQ(pair.overlap.size(), 1u);
  EXPECT_EQ(pair.overlap[0].common, 0);
  EXPECT_DOUBLE_EQ(pair.overlap[0].by_chance.value(), 1);
  EXPECT_DOUBLE_EQ(pair.overlap[0].p_value.value(), 1);
  ASSERT_EQ(pair.points.size(), 16u);
  EXPECT_EQ(pair.points[15].head, (Head{1, 7}));
  EXPECT_EQ(pair.points[15].score_b, -15);
  EXPECT_EQ(pair.points[15].rank_a, 1);
  EXPECT_EQ(pair.points[15].rank_b, 16);
  ASSERT_EQ(pair.moved_by_score.size(), 10u);
  EXPECT_EQ(pair.moved_by_score[0], 15u);
  EXPECT_EQ(pair.moved_by_rank[0], 0u);
  EXPECT_EQ(compare(kRising, kRising).moved_by_score.size(), 0u);
}

TEST(CompareHeads, SizesPerFile) {
  const HeadComparison pair = compare(kRising, kList, {.top = {2, 3}});
  ASSERT_EQ(pair.overlap.size(), 1u);
  EXPECT_EQ(pair.overlap[0].k_a, 2);
  EXPECT_EQ(pair.overlap[0].k_b, 3);
  EXPECT_EQ(pair.overlap[0].common, 2);
  EXPECT_DOUBLE_EQ(pair.overlap[0].by_chance.value(), 2.0 * 3 / 16);
}

TEST(CompareHeads, SizesUnlessGiven) {
  const auto sizes = [](const NamedHeadList& a, const NamedHeadList& b) {
    std::vector<std::pair<int64_t, int64_t>> all;
    for (const HeadOverlap& overlap : compare(a, b).overlap)
      all.emplace_back(overlap.k_a, overlap.k_b);
    return all;
  };
  using Sizes = std::vector<std::pair<int64_t, int64_t>>;
  EXPECT_EQ(sizes(kList, kList), (Sizes{{3, 3}}));
  // The 2 heads of at least 0.1 and the 5 of at least 0.05.
  const NamedHeadList few = scores("few", [](int64_t i) {
    return i < 2 ? 0.1 : i < 5 ? 0.05 : 0.0;
  });
  EXPECT_EQ(sizes(kList, few), (Sizes{{3, 2}, {3, 3}, {3, 5}, {3, 10}}));
  EXPECT_EQ(sizes(few, few), (Sizes{{2, 2}, {5, 5}, {10, 10}}));
  EXPECT_EQ(sizes(few, kRising), (Sizes{{10, 10}}));  // nearly all of kRising reach both
}

TEST(CompareHeads, AListHasNoCorrelation) {
  const HeadComparison pair = compare(kList, kRising);
  EXPECT_FALSE(pair.spearman);
  EXPECT_TRUE(pair.moved_by_score.empty());
  ASSERT_EQ(pair.points.size(), 3u);
  EXPECT_EQ(pair.points[0].head, (Head{0, 0}));
  EXPECT_FALSE(pair.points[0].score_a);
  EXPECT_EQ(pair.points[0].rank_a, 2);
  EXPECT_EQ(pair.points[0].score_b, 0);
  EXPECT_EQ(pair.points[0].rank_b, 3);
}

TEST(CompareHeads, ChanceNeedsTheModelsHeads) {
  EXPECT_FALSE(compare(kList, kList).overlap[0].by_chance);
  const ModelHeads model{.layers = 2, .heads = 8, .kv_heads = 2};
  EXPECT_DOUBLE_EQ(compare(kList, kList, {.model = model}).overlap[0].by_chance.value(), 9.0 / 16);
  // A third file tells as well.
  EXPECT_TRUE(compare_heads({kList, kList, kRising}, {}).pairs[0].overlap[0].by_chance);
}

TEST(CompareHeads, EveryPair) {
  const auto pairs = compare_heads({kRising, kFalling, kList}, {}).pairs;
  ASSERT_EQ(pairs.size(), 3u);
  EXPECT_EQ(pairs[1].a, 0u);
  EXPECT_EQ(pairs[1].b, 2u);
}

TEST(CompareHeads, KeyValueHeads) {
  const HeadComparison kv = compare(kRising, kGates, {.top = {2}});
  EXPECT_TRUE(kv.of_kv_heads);
  EXPECT_EQ(kv.num_heads, 4);
  ASSERT_EQ(kv.points.size(), 4u);
  EXPECT_EQ(kv.points[0].score_a, 3);  // the best of heads 0 to 3
  EXPECT_EQ(kv.overlap[0].common, 1);  // {1-1, 1-0} and {1-0, 0-0}
  EXPECT_EQ(compare(kGates, kGates).num_heads, 4);

  const ModelHeads model{.layers = 2, .heads = 8, .kv_heads = 2};
  const HeadComparison query = compare(kRising, kGates, {.top = {4}, .model = model});
  EXPECT_FALSE(query.of_kv_heads);
  EXPECT_EQ(query.points.size(), 16u);
  EXPECT_EQ(query.overlap[0].common, 0);  // 1-4..1-7 and 1-0..1-3

  // Two bare lists do not tell the size of a group.
  expect_error({kList, kGates}, {}, {"list has query heads", "key/value heads", "--model"});
  EXPECT_TRUE(compare(kList, kGates, {.top = {1}, .model = model}).num_heads);
}

TEST(CompareHeads, MaskedHeadsAgainstTheOthers) {
  const NamedHeadList grown =
      scores("grown", [](int64_t i) { return static_cast<double>(i) + (i >= 14 ? 2.0 : 0.5); });
  const NamedHeadList mask = text("mask.json", R"({"heads": [[1, 6], [1, 7]]})");
  const HeadComparison pair = compare(kRising, grown, {.mask = mask});
  ASSERT_TRUE(pair.change);
  const MaskChange& change = *pair.change;
  EXPECT_EQ(change.masked.heads, 2);
  EXPECT_DOUBLE_EQ(change.masked.a, 14.5);
  EXPECT_DOUBLE_EQ(change.masked.b, 16.5);
  EXPECT_EQ(change.others.heads, 14);
  EXPECT_DOUBLE_EQ(change.others.b - change.others.a, 0.5);
  // All heads of a group change alike.
  EXPECT_EQ(change.masked.interval, (Interval{2.0, 2.0}));
  EXPECT_EQ(change.others.interval, (Interval{0.5, 0.5}));
  EXPECT_DOUBLE_EQ(change.difference, 1.5);
  EXPECT_EQ(change.interval, (Interval{1.5, 1.5}));
  expect_error({kRising, kList}, {.mask = mask}, {"--mask needs two files with scores", "has 1"});
  expect_error({kRising, grown}, {.mask = kRising}, {"rising holds scores", "mask.json"});
}

TEST(CompareHeads, IntervalsOfTheChangeAreOverHeads) {
  // The masked heads change by 1 and 3: means of resamples are 1, 2 and 3; the others by 0.
  const NamedHeadList uneven = scores("uneven", [](int64_t i) {
    return static_cast<double>(i) + (i == 14 ? 1.0 : i == 15 ? 3.0 : 0.0);
  });
  const NamedHeadList mask = text("mask.json", R"({"heads": [[1, 6], [1, 7]]})");
  const MaskChange change = compare(kRising, uneven, {.mask = mask}).change.value();
  EXPECT_EQ(change.masked.interval, (Interval{1.0, 3.0}));
  EXPECT_EQ(change.others.interval, (Interval{0.0, 0.0}));
  EXPECT_EQ(change.interval, (Interval{1.0, 3.0}));
  EXPECT_DOUBLE_EQ(change.difference, 2.0);
}

TEST(CompareHeads, Mistakes) {
  expect_error({kRising}, {}, {"--compare has 1 file", "at least two"});
  expect_error({kRising, kList}, {.top = {0}}, {"--top is 0"});
  expect_error({kRising, kList}, {.top = {1, 2, 3}}, {"--top has 3 sizes for 2 files"});
  expect_error({kRising, kList}, {.top = {4}}, {"--top asks for 4 heads of list, which has 3"});
  expect_error({kRising, text("other", "0.5\t1\n1\t0\n0\t0\n")},
               {},
               {"other is for a model with 3 layers", "rising for one with 2"});
  expect_error(
      {kRising, text("three", "0.5\t1\t0\n1\t0\t1\n")}, {}, {"8 heads", "3 key/value heads"});
  expect_error({kRising, text("far", "attn_head_set: 1-8,2-0")}, {}, {"far", "no head 1-8, 2-0"});
  expect_error(
      {kRising, kList}, {.model = ModelHeads{.layers = 2, .heads = 9}}, {"rising", "--model"});
}

TEST(CompareHeads, Json) {
  const NamedHeadList mask = text("mask.json", R"({"heads": [[1, 6], [1, 7]]})");
  const Json json = to_json(compare_heads({kRising, kFalling, kList}, {.top = {2}, .mask = mask}));
  EXPECT_EQ(json.at("model"), (Json{{"layers", 2}, {"heads", 8}, {"kv_heads", nullptr}}));
  EXPECT_EQ(json.at("mask"), "mask.json");
  EXPECT_EQ(json.at("files")[2],
            (Json{{"file", "list"},
                  {"form", "qrhead"},
                  {"heads", 3},
                  {"scores", false},
                  {"num_samples", nullptr},
                  {"kv_heads", false},
                  {"layers", nullptr},
                  {"heads_per_layer", nullptr}}));
  const Json& pair = json.at("pairs")[0];
  EXPECT_EQ(pair.at("a"), "rising");
  EXPECT_EQ(pair.at("b"), "falling");
  EXPECT_EQ(pair.at("spearman"), -1.0);
  EXPECT_EQ(pair.at("heads"), "query");
  EXPECT_EQ(pair.at("overlap").dump(),
            R"([{"k_a":2,"k_b":2,"common":0,"by_chance":0.25,"p_value":1.0}])");
  EXPECT_EQ(pair.at("points").size(), 16u);
  EXPECT_EQ(pair.at("points")[1].dump(),
            R"({"head":[0,1],"a":1.0,"b":-1.0,"rank_a":15.0,"rank_b":2.0})");
  EXPECT_EQ(pair.at("moved").at("by_score")[0].at("change"), -30.0);
  EXPECT_EQ(pair.at("mask").at("masked").dump(),
            R"({"heads":2,"a":14.5,"b":-14.5,"change":-29.0,"interval":[-30.0,-28.0]})");
  EXPECT_EQ(pair.at("mask").at("difference"), -16.0);  // the others change by -2 * 6.5
  EXPECT_EQ(pair.at("mask").at("interval").size(), 2u);
  EXPECT_TRUE(json.at("pairs")[1].at("spearman").is_null());
  EXPECT_TRUE(json.at("pairs")[1].at("moved").is_null());
  EXPECT_TRUE(json.at("pairs")[1].at("mask").is_null());
}

}  // namespace
}  // namespace retmask
