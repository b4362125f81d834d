#include <gtest/gtest.h>

#include <cmath>

#include "retmask/base/head_scores.h"
#include "unit/support/expect_user_error.h"

namespace retmask {
namespace {

TEST(HeadName, IsLayerAndHead) {
  EXPECT_EQ(to_string({18, 6}), "18-6");
  EXPECT_EQ(parse_head_name("18-6"), (Head{18, 6}));
  for (const char* bad : {"", "-", "18", "18-", "-6", "18-6-", "18--6", "a-6", "18-6 ", "1e1-6"})
    EXPECT_EQ(parse_head_name(bad), std::nullopt) << bad;
}

TEST(HeadScores, GoThroughJson) {
  const Json json = {{"0-0", {0.5, 0.25}}, {"0-1", {0.0, 1.5}}, {"10-0", {0.0, 0.0}}};
  const HeadScores scores = parse_head_scores(json, "scores.json");
  EXPECT_EQ(scores.num_samples(), 2);
  EXPECT_EQ(scores.means(), (HeadMeans{{{0, 0}, 0.375}, {{0, 1}, 0.75}, {{10, 0}, 0.0}}));
  EXPECT_EQ(to_json(scores).dump(), json.dump());
}

TEST(HeadScores, WithoutSamplesEveryMeanIsZero) {
  const HeadScores scores = parse_head_scores({{"0-0", Json::array()}}, "scores.json");
  EXPECT_EQ(scores.num_samples(), 0);
  EXPECT_EQ(scores.means(), (HeadMeans{{{0, 0}, 0.0}}));
}

TEST(HeadScores, MayBeNegative) {
  EXPECT_EQ(parse_head_scores({{"0-0", {-0.5, 0.25}}}, "scores.json").means(),
            (HeadMeans{{{0, 0}, -0.125}}));
}

TEST(HeadScores, MayLackSamples) {
  const Json json = {{"0-0", Json::array()}, {"0-1", {1, 2}}};
  const HeadScores scores = parse_head_scores(json, "scores.json", SampleCounts::may_differ);
  EXPECT_EQ(scores.num_samples(), 2);
  EXPECT_EQ(scores.means(), (HeadMeans{{{0, 0}, 0}, {{0, 1}, 1.5}}));
}

TEST(HeadPair, IsLayerAndHead) {
  EXPECT_EQ(parse_head_pair({18, 6}, "heads"), (Head{18, 6}));
  for (const char* bad :
       {"[18]", "[18, 6, 1]", "[-1, 0]", "[1.0, 0]", "[\"1\", 0]", "{}", "[1e10, 0]"}) {
    const Json pair = Json::parse(bad);
    expect_user_error(
        [&] { parse_head_pair(pair, "mask.json: \"heads\""); },
        {"mask.json: \"heads\" has the entry " + pair.dump() + ", expected [layer, head]"});
  }
}

TEST(HeadScores, RefuseMalformedFiles) {
  const auto expect_error = [](const Json& json, const std::string& part) {
    expect_user_error([&] { parse_head_scores(json, "scores.json"); }, {"scores.json", part});
  };
  expect_error(Json::array(), "not an object with heads");
  expect_error({{"first", {1}}}, "\"first\" is not a head");
  expect_error({{"0-0", 1}}, "head 0-0 is not a list");
  expect_error({{"0-0", {1, 1}}, {"0-1", {1}}}, "head 0-1 has 1 scores, the first head has 2");
  expect_error({{"0-0", {1}}, {"00-0", {1}}}, "head 00-0 is listed twice");
  expect_error({{"0-0", {"1"}}}, "has the score \"1\"");
}

TEST(RankedHeads, HighestFirstEqualsInOrderNoDataLast) {
  const std::vector<HeadMean> ranked =
      ranked_heads({{{0, 0}, NAN}, {{0, 1}, 0.5}, {{1, 0}, 0.0}, {{1, 1}, 0.75}, {{2, 0}, 0.5}});
  std::vector<Head> order;
  for (const HeadMean& head : ranked) order.push_back(head.head);
  EXPECT_EQ(order, (std::vector<Head>{{1, 1}, {0, 1}, {2, 0}, {1, 0}, {0, 0}}));
}

}  // namespace
}  // namespace retmask
