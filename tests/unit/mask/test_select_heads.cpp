#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include "select_heads.h"
#include "unit/support/expect_user_error.h"

namespace retmask::mask {
namespace {

// 3 layers of 4 heads.
class SelectHeadsTest : public ::testing::Test {
 protected:
  SelectHeadsTest() {
    config_.layers.resize(3);
    config_.num_attention_heads = 4;
    HeadMeans means;
    for (int64_t i = 0; i < 12; ++i) means[{i / 4, i % 4}] = 0.0;
    means[{2, 1}] = 0.9;
    means[{0, 3}] = 0.1;
    means[{1, 0}] = 0.1;
    means[{1, 2}] = 0.5;
    list_ = list_with_scores(HeadForm::head_scores, means);
  }

  std::vector<Head> select(const SelectOptions& options) const {
    options.validate();
    return select_heads(options, config_, &list_);
  }

  ModelConfig config_;
  HeadList list_;
};

TEST_F(SelectHeadsTest, ThresholdIsInclusive) {
  EXPECT_EQ(select({.threshold = 0.1}), (std::vector<Head>{{0, 3}, {1, 0}, {1, 2}, {2, 1}}));
  EXPECT_EQ(select({.threshold = 0.100001}), (std::vector<Head>{{1, 2}, {2, 1}}));
}

TEST_F(SelectHeadsTest, ThresholdNobodyReaches) {
  expect_user_error([&] { select({.threshold = 0.95}); },
                    {"--threshold 0.95", "highest is 0.9 (2-1)"});
}

TEST_F(SelectHeadsTest, TopKTakesTheLowerHeadOfEqualOnes) {
  EXPECT_EQ(select({.top_k = 1}), (std::vector<Head>{{2, 1}}));
  EXPECT_EQ(select({.top_k = 3}), (std::vector<Head>{{0, 3}, {1, 2}, {2, 1}}));
  EXPECT_EQ(select({.top_k = 5}), (std::vector<Head>{{0, 0}, {0, 3}, {1, 0}, {1, 2}, {2, 1}}));
  EXPECT_EQ(select({.top_k = 12}).size(), 12u);
  expect_user_error([&] { select({.top_k = 13}); }, {"--top-k is 13", "12 heads"});
}

TEST_F(SelectHeadsTest, TopKOfAListKeepsItsOrder) {
  list_ = parse_head_list("attn_head_set: 2-3,0-1,1-0", "qrhead.yaml");
  EXPECT_EQ(select({.top_k = 2}), (std::vector<Head>{{0, 1}, {2, 3}}));
  expect_user_error([&] { select({.top_k = 4}); }, {"--top-k is 4", "--scores lists only 3 heads"});
  expect_user_error([&] { select({.threshold = 0.1}); },
                    {"--threshold needs scores", "a list of 3 heads", "qrhead", "--top-k"});
}

TEST_F(SelectHeadsTest, ExplicitHeadsNeedNoScores) {
  const SelectOptions options{.heads = {"2-3", "0-1"}};
  EXPECT_EQ(select_heads(options, config_, nullptr), (std::vector<Head>{{0, 1}, {2, 3}}));
}

TEST_F(SelectHeadsTest, BadExplicitHeads) {
  expect_user_error(
      [&] {
        select({.heads = {"0-1", "3-0", "0-4"}});
      },
      {"--heads", "no head 3-0, 0-4"});
  expect_user_error([&] { select({.heads = {"0_1"}}); }, {"--heads", "\"0_1\""});
  expect_user_error([&] { select({.heads = {"0-1", "2-2", "0-1"}}); }, {"0-1 is given twice"});
}

TEST_F(SelectHeadsTest, NonRetrievalDrawsAsManyOthers) {
  const std::set<Head> retrieval{{0, 3}, {1, 0}, {1, 2}, {2, 1}};
  std::set<Head> seen;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    const auto heads =
        select({.threshold = 0.1, .selection = Selection::non_retrieval, .seed = seed});
    EXPECT_EQ(std::set<Head>(heads.begin(), heads.end()).size(), 4u);
    EXPECT_TRUE(std::is_sorted(heads.begin(), heads.end()));
    for (const Head& head : heads) EXPECT_FALSE(retrieval.contains(head)) << to_string(head);
    seen.insert(heads.begin(), heads.end());
  }
  EXPECT_EQ(seen.size(), 8u);  // each of the others is drawn at least once
}

TEST_F(SelectHeadsTest, RandomDrawsFromAll) {
  std::map<Head, int> drawn;
  for (uint64_t seed = 0; seed < 300; ++seed) {
    const auto heads = select({.top_k = 4, .selection = Selection::random, .seed = seed});
    EXPECT_EQ(std::set<Head>(heads.begin(), heads.end()).size(), 4u);
    for (const Head& head : heads) ++drawn[head];
  }
  EXPECT_EQ(drawn.size(), 12u);
  // Each with probability 1/3: 100 of 300, with a standard deviation of 8.
  for (const auto& [head, count] : drawn) EXPECT_NEAR(count, 100, 40) << to_string(head);
}

TEST_F(SelectHeadsTest, TheSeedAloneDecides) {
  const auto draw = [&](uint64_t seed) {
    return select({.top_k = 4, .selection = Selection::non_retrieval, .seed = seed});
  };
  EXPECT_EQ(draw(1), draw(1));
  EXPECT_NE(draw(1), draw(2));
  // Fixed values: masks of earlier versions must be reproducible.
  EXPECT_EQ(draw(0), (std::vector<Head>{{0, 0}, {0, 2}, {1, 3}, {2, 3}}));
}

TEST_F(SelectHeadsTest, TooFewOtherHeads) {
  EXPECT_EQ(select({.top_k = 6, .selection = Selection::non_retrieval}).size(), 6u);
  expect_user_error([&] { select({.top_k = 7, .selection = Selection::non_retrieval}); },
                    {"non-retrieval needs 7 heads", "only 5"});
}

TEST_F(SelectHeadsTest, ExactlyOneChoice) {
  expect_user_error([] { SelectOptions{}.validate(); },
                    {"none of --threshold, --top-k and --heads"});
  expect_user_error([] { SelectOptions{.threshold = 0.1, .top_k = 3}.validate(); },
                    {"more than one"});
  expect_user_error([] { SelectOptions{.top_k = 3, .heads = {"0-0"}}.validate(); },
                    {"more than one"});
  expect_user_error([] { SelectOptions{.threshold = 0.0}.validate(); }, {"--threshold is 0"});
  expect_user_error([] { SelectOptions{.threshold = -1.0}.validate(); }, {"--threshold is -1"});
  const double nan = std::numeric_limits<double>::quiet_NaN();
  expect_user_error([&] { SelectOptions{.threshold = nan}.validate(); }, {"--threshold is nan"});
  expect_user_error([] { SelectOptions{.top_k = 0}.validate(); }, {"--top-k is 0"});
}

TEST(Selection, Names) {
  for (const Selection selection :
       {Selection::retrieval, Selection::non_retrieval, Selection::random}) {
    EXPECT_EQ(parse_selection(to_string(selection)), selection);
  }
  EXPECT_EQ(to_string(Selection::non_retrieval), "non-retrieval");
  expect_user_error([] { parse_selection("others"); },
                    {"--select is \"others\"", "retrieval, non-retrieval, random"});
}

}  // namespace
}  // namespace retmask::mask
