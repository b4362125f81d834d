#include <gtest/gtest.h>

#include "retmask/heads/head_list.h"
#include "unit/support/expect_user_error.h"

namespace retmask {
namespace {

using Heads = std::vector<Head>;

HeadList scored(HeadMeans scores) {
  return list_with_scores(HeadForm::head_scores, std::move(scores));
}

TEST(KvHeads, EachStandsForItsGroup) {
  const HeadList list = to_query_heads(parse_head_list("0.5\t1\n0.75\t0\n", "gates"), 4, 2);
  EXPECT_FALSE(list.of_kv_heads);
  EXPECT_EQ(list.grid, (HeadGrid{2, 4}));
  EXPECT_EQ(list.ranked, (Heads{{0, 2}, {0, 3}, {1, 0}, {1, 1}, {0, 0}, {0, 1}, {1, 2}, {1, 3}}));
  EXPECT_EQ(list.scores->at({0, 3}), 1);
  EXPECT_EQ(list.scores->at({1, 1}), 0.75);
}

TEST(KvHeads, TakeTheBestOfTheirGroup) {
  const HeadList list = to_kv_heads(
      scored({{{0, 0}, 0.1}, {{0, 1}, 0.4}, {{0, 2}, -1}, {{0, 3}, -2}, {{1, 0}, 0.2}}), 4, 2);
  EXPECT_TRUE(list.of_kv_heads);
  EXPECT_EQ(list.scores, (HeadMeans{{{0, 0}, 0.4}, {{0, 1}, -1}, {{1, 0}, 0.2}}));
  const HeadList order = parse_head_list("attn_head_set: 1-3,0-1,1-2,0-0", "qrhead");
  EXPECT_EQ(to_kv_heads(order, 4, 2).ranked, (Heads{{1, 1}, {0, 0}}));
}

TEST(DuoAttentionTable, IsReadAgain) {
  const HeadList list = to_kv_heads(
      scored({{{0, 0}, 0.1}, {{0, 1}, 0.4}, {{0, 2}, -1}, {{0, 3}, -2}, {{1, 0}, 0.2}}), 4, 2);
  const std::string table = duo_attention_table(list, {2, 2});
  EXPECT_EQ(table.substr(0, table.find('\t')), "1.000000000000000000e+00");
  const HeadList again = parse_head_list(table, "gates");
  EXPECT_EQ(again.grid, (HeadGrid{2, 2}));
  EXPECT_EQ(again.scores, (HeadMeans{{{0, 0}, 1}, {{0, 1}, 0}, {{1, 0}, 0.5}, {{1, 1}, 0}}));
}

TEST(DuoAttentionTable, OfAListIsZeroAndOne) {
  const HeadList list = to_kv_heads(parse_head_list("attn_head_set: 1-3,0-1", "qrhead"), 4, 2);
  const HeadList again = parse_head_list(duo_attention_table(list, {2, 2}), "gates");
  EXPECT_EQ(again.scores, (HeadMeans{{{0, 0}, 1}, {{0, 1}, 0}, {{1, 0}, 0}, {{1, 1}, 1}}));
}

TEST(DuoAttentionTable, NeedsAPositiveScore) {
  expect_user_error(
      [] {
        duo_attention_table(scored({{{0, 0}, 0.0}, {{0, 1}, -1.0}}), {1, 2});
      },
      {"no head has a score above 0"});
}

}  // namespace
}  // namespace retmask
