// Metrics and tables of suite helmet, on rows made by hand.

#include <gtest/gtest.h>

#include "helmet_metrics.h"
#include "retmask/base/error.h"
#include "retmask/eval/helmet_results.h"

namespace retmask::eval {
namespace {

Json row(const char* task, const char* category, Json metrics, int64_t length = 8192) {
  return {
      {"task", task}, {"category", category}, {"length", length}, {"metrics", std::move(metrics)}};
}

// The entry of a category, or null.
Json category(const Json& results, const std::string& name) {
  for (const Json& one : results["categories"]) {
    if (one["category"] == name) return one;
  }
  return nullptr;
}

TEST(HelmetMetricsTest, ScoreTheOutputBehindItsStart) {
  Json one = {{"metric", "helmet_label"},
              {"answer_start", "label:"},
              {"answer", " 5.\n\nx"},
              {"references", {"5"}}};
  EXPECT_EQ(helmet::scored_output(one), "label: 5.\n\nx");
  EXPECT_EQ(helmet::score(one)["score"], 1.0);
  one["references"] = {"6"};
  EXPECT_EQ(helmet::score(one)["score"], 0.0);
  const Json ranked = {{"metric", "helmet_ranking"},
                       {"answer_start", "Ranking:"},
                       {"answer", " 3 > 1"},
                       {"references", {"3 > 1"}},
                       {"labels", {{"3", 2}, {"1", 1}}}};
  EXPECT_EQ(helmet::score(ranked)["metrics"]["NDCG@10"], 1.0);
  EXPECT_FALSE(helmet::score(ranked)["metrics"].contains("NDCG@50"));
  const Json cited = {{"metric", "helmet_citations"},
                      {"task", "alce_asqa_30"},
                      {"answer", "In Rome [1][2]."},
                      {"references", {"gold"}},
                      {"answers", {{"Rome"}, {"Oslo"}}}};
  EXPECT_EQ(helmet::score(cited)["metrics"]["str_em"], 50.0);
  EXPECT_EQ(helmet::score(cited)["score"], 0.5);
}

TEST(HelmetResultsTest, MeansLikeThoseOfTheOriginal) {
  const std::vector<Json> rows = {
      row("json_kv", "Recall", {{"substring_exact_match", 1.0}}),
      row("json_kv", "Recall", {{"substring_exact_match", 0.0}}),
      row("ruler_niah_mv", "Recall", {{"ruler_recall", 0.25}}),
      {{"task", "json_kv"}, {"category", "Recall"}, {"length", 8192}, {"error", "too long"}}};
  const Json results = helmet_results_json(rows, {});
  EXPECT_EQ(results["tasks"][0]["score"], 50.0);
  EXPECT_EQ(results["tasks"][0]["total"], 3);
  EXPECT_EQ(results["tasks"][0]["errors"], 1);
  const Json recall = category(results, "Recall");
  EXPECT_EQ(recall["score"], 37.5);
  EXPECT_EQ(recall["columns"], 2);
  EXPECT_EQ(recall["of"], 4);
  EXPECT_TRUE(category(results, "RAG").is_null());
  EXPECT_TRUE(results["average"][0]["score"].is_null());
  EXPECT_EQ(results["average"][0]["missing"].size(), 6);
}

TEST(HelmetResultsTest, NoAverageHidesAMissingJudge) {
  const std::vector<Json> rows = {row("alce_asqa_30", "Cite", {{"str_em", 40.0}}),
                                  row("multi_lexsum_7492", "Summ", {{"rougeL_f1", 0.2}}),
                                  row("infbench_sum_eng_6792", "Summ", {{"rougeL_f1", 0.1}})};
  const Json judged = helmet_results_json(rows, {});
  EXPECT_TRUE(category(judged, "Cite")["score"].is_null());
  EXPECT_EQ(category(judged, "Cite")["missing"].size(), 2);
  EXPECT_TRUE(category(judged, "Summ")["score"].is_null());
  EXPECT_EQ(judged["tasks"][0]["score"], 40.0);
  EXPECT_TRUE(judged["tasks"][1]["score"].is_null());
  EXPECT_EQ(judged["tasks"][1]["missing"], Json({"gpt-4-f1"}));
  const Json proxy = helmet_results_json(rows, {.rouge_proxy = true});
  EXPECT_NEAR(category(proxy, "Summ")["score"].get<double>(), 15.0, 1e-12);
  EXPECT_EQ(proxy["proxy"], "rougeL_f1");
}

TEST(HelmetResultsTest, KeepsLengthsApart) {
  const Json results =
      helmet_results_json({row("json_kv", "Recall", {{"substring_exact_match", 1.0}}, 8192),
                           row("json_kv", "Recall", {{"substring_exact_match", 0.5}}, 16384)},
                          {});
  ASSERT_EQ(results["categories"].size(), 2);
  EXPECT_EQ(results["categories"][1]["length"], 16384);
  EXPECT_EQ(results["categories"][1]["score"], 50.0);
}

}  // namespace
}  // namespace retmask::eval
