#include <gtest/gtest.h>

#include <cmath>

#include "retmask/base/file.h"
#include "retmask/base/json.h"
#include "retmask/report/run_report.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(TopHeads, AreSortedByScoreAndPutHeadsWithoutDataLast) {
  ScoredHeads heads{.means = {{{0, 0}, 0.5}, {{0, 1}, NAN}, {{1, 0}, 0.25}, {{1, 1}, 0.75}}};
  mark_from(heads, 0.5);
  const Table table = top_heads(heads, 9);
  ASSERT_EQ(table.rows.size(), 4U);
  EXPECT_EQ(table.rows[0], (std::vector<std::string>{"1", "1-1", "0.75", "yes"}));
  EXPECT_EQ(table.rows[1], (std::vector<std::string>{"2", "0-0", "0.5", "yes"}));
  EXPECT_EQ(table.rows[2], (std::vector<std::string>{"3", "1-0", "0.25", "no"}));
  EXPECT_EQ(table.rows[3], (std::vector<std::string>{"4", "0-1", "no data", "no"}));
  heads.intervals[{1, 1}] = {0.7, 0.8};
  EXPECT_EQ(top_heads(heads, 1).rows.front(),
            (std::vector<std::string>{"1", "1-1", "0.75", "0.7 to 0.8", "yes"}));
}

// A run in a folder of its own, of which each test writes the files that it needs.
class RunReport : public ::testing::Test {
 protected:
  void make_run(const std::string& command, const Json& options) {
    write("run.json", {{"command", command}, {"started", "today"}, {"options", options}});
  }

  void make_detection() {
    make_run("detect",
             {{"model", "a & b"}, {"threshold", 0.6}, {"depths", 2}, {"threads", 987654}});
    write("head_scores.json", {{"0-0", {0.5, 0.5}}, {"0-1", {0, 0}}, {"1-0", {1, 0.5}}});
    write("summary.json",
          {{"heads", {{{"head", {1, 0}}, {"mean", 0.75}, {"interval", {0.625, 0.875}}}}},
           {"heads_at_least", {{"0.1", 2}}},
           {"gini", 0.5},
           {"top_share", {{"0.05", 0.25}}},
           {"warnings", {"too few samples"}}});
    samples_ = {{{"needle", 0},
                 {"length", 512},
                 {"depth_fraction", 0.5},
                 {"right", true},
                 {"answer", "Eat <b>"},
                 {"steps",
                  {{{"text", "Eat"}, {"copied_by", {"1-0", "0-0"}}},
                   {{"text", " <b>"}, {"copied_by", Json::array()}}}}},
                {{"needle", 1},
                 {"length", 512},
                 {"depth_fraction", 1},
                 {"right", false},
                 {"answer", "No idea."}}};
    write_json_lines(folder_ / "samples.jsonl", samples_);
  }

  void write(const std::string& name, const Json& value) { write_json_file(folder_ / name, value); }

  std::string page() {
    write_run_report(folder_.path());
    return read_text_file(folder_ / "report.html", "page");
  }

  testing::TempDir folder_;
  std::vector<Json> samples_;
};

TEST_F(RunReport, ShowsADetection) {
  make_detection();
  const std::string text = page();
  for (const char* part : {"Retrieval heads of a &amp; b",
                           "needle grid: 1 of 2 answers right.",
                           "Outlined: 1 of 3 heads, score of at least 0.6.",
                           "Warning: too few samples",
                           "head 1-0: 0.75 (0.625 to 0.875), score of at least 0.6",
                           "head 0-0: 0.5<",
                           "head 1-1: no data",
                           "1 heads at 0.6 or more",
                           "2 heads at 0.05 or more",
                           "score: 0.75 (0.625 to 0.875) of head 1-0, rank 1",
                           "length 512, depth 50 %: 1/1 right",
                           "top 5 % of the heads</td><td class=\"number\">0.25<",
                           "<mark title=\"copied by 1-0, 0-0\">Eat</mark> &lt;b&gt;",
                           "needle 1, length 512, depth 100 %: wrong</b>No idea.",
                           "<td>depths</td>"}) {
    EXPECT_TRUE(holds(text, part)) << part;
  }
  EXPECT_FALSE(holds(text, "987654")) << "the threads do not matter";
  EXPECT_FALSE(holds(text, "today")) << "another start writes the same page";
  EXPECT_FALSE(holds(text, "Do the heads matter?")) << "not verified";
  for (const char* picture : {"heads.svg", "score_curve.svg", "success.svg"})
    EXPECT_TRUE(fs::exists(folder_ / picture)) << picture;
}

TEST_F(RunReport, ShowsScoresWithoutAnswers) {
  make_detection();
  for (Json& row : samples_) {
    for (const char* key : {"right", "answer"}) row[key] = nullptr;
  }
  write_json_lines(folder_ / "samples.jsonl", samples_);
  const std::string text = page();
  EXPECT_TRUE(holds(text, "2 samples, without answers"));
  EXPECT_FALSE(holds(text, "Some answers"));
  EXPECT_FALSE(fs::exists(folder_ / "success.svg"));
}

TEST_F(RunReport, ShowsADetectionWithoutRightAnswers) {
  make_detection();
  write("head_scores.json", {{"0-0", Json::array()}, {"0-1", Json::array()}});
  const std::string text = page();
  EXPECT_TRUE(holds(text, "Outlined: 0 of 2 heads"));
  EXPECT_TRUE(holds(text, "head 0-1: no data"));
  EXPECT_FALSE(holds(text, "nan"));
}

Json verified(const std::string& mask, int64_t k, double rate) {
  return {{"mask", mask},
          {"k", k},
          {"rate", rate},
          {"rate_interval", {rate - 0.125, rate + 0.125}},
          {"needle_logprob", -0.5},
          {"parametric_rate", 0.875}};
}

TEST_F(RunReport, ShowsTheVerification) {
  make_detection();
  Json curve = {verified("retrieval", 10, 0.25), verified("random", 5, 0.5)};
  curve.push_back(verified("retrieval", 5, 0.375));
  write("verify.json", {{"curve", curve}, {"choice", {{"k", 10}}}});
  const std::string text = page();
  for (const char* part : {"highest scores masked: 0.25 (0.125 to 0.375) with 10 heads masked",
                           "random heads masked: 0.5 (0.375 to 0.625) with 5 heads masked",
                           "highest scores masked, no context: 0.875 with 5 heads masked",
                           "<td>retrieval</td><td class=\"number\">5</td>",
                           "Chosen from this curve: k 10."}) {
    EXPECT_TRUE(holds(text, part)) << part;
  }
  EXPECT_FALSE(holds(text, "lowest scores masked:")) << "no such mask";
  EXPECT_TRUE(fs::exists(folder_ / "verify.svg"));
  curve.push_back(verified("middle", 5, 0.5));
  write("verify.json", {{"curve", curve}});
  expect_user_error([&] { page(); }, {"verify.json", "\"middle\"", "expected retrieval, random"});
}

TEST_F(RunReport, ComparesHeads) {
  make_run("detect", {{"compare", {"x.json", "y.yaml"}}});
  const Json overlap = {{{"k_a", 2}, {"k_b", 1}, {"common", 1}, {"by_chance", 0.5}}};
  const auto point = [](int64_t head, Json a, Json b, double rank_a, double rank_b) -> Json {
    return {{"head", {0, head}}, {"a", a}, {"b", b}, {"rank_a", rank_a}, {"rank_b", rank_b}};
  };
  const Json points = {
      point(0, 0.5, 0.25, 2, 1), point(1, 0.75, 0, 1, 2.5), point(2, 0, 0, 3, 2.5)};
  const Json change = {
      {"heads", 7}, {"a", 0.25}, {"b", 0.5}, {"change", 0.25}, {"interval", {0.125, 0.375}}};
  const Json pair = {
      {"a", "x.json"},
      {"b", "y"},
      {"spearman", 0.5},
      {"overlap", overlap},
      {"moved", {{"by_score", {points[1]}}}},
      {"mask",
       {{"masked", change}, {"others", change}, {"difference", 0.0}, {"interval", {-0.5, 0.625}}}},
      {"points", points}};
  write("compare.json",
        {{"pairs",
          {pair,
           {{"a", "x.json"},
            {"b", "z.yaml"},
            {"spearman", nullptr},
            {"overlap", overlap},
            {"points", {point(0, 0.5, nullptr, 1, 1)}}}}}});
  const std::string text = page();
  for (const char* part :
       {"among the first of both (1)",
        "first 2 of the horizontal axis only (1)",
        "first 1 of the vertical axis only (0)",
        "others (1)",
        "0-0: 0.5 and 0.25",
        "0-1</td><td class=\"number\">0.75</td><td class=\"number\">0</td>"
        "<td class=\"number\">-0.75<",
        "<td>masked</td><td class=\"number\">7</td>",
        "x.json → y, masked heads: 0.25 (0.125 to 0.375), the interval excludes 0",
        "<td>masked less others</td>",
        "<td>-0.5 to 0.625</td>",
        "<td>x.json</td><td>z.yaml</td><td class=\"number\"></td>"}) {
    EXPECT_TRUE(holds(text, part)) << part;
  }
  EXPECT_TRUE(fs::exists(folder_ / "comparison.svg"));
  EXPECT_FALSE(fs::exists(folder_ / "comparison-2.svg")) << "an order alone has no scatter plot";
}

TEST_F(RunReport, ComparesEvaluations) {
  make_run("eval", {{"compare", {"a", "b"}}});
  const auto row = [](const char* task, Json scores, Json difference, Json interval) -> Json {
    return {{"suite", "ruler"},
            {"task", task},
            {"length", 1024},
            {"samples", 28},
            {"missing", scores[0].is_null() ? 2 : 0},
            {"sign_test", {0.5}},
            {"scores", scores},
            {"difference", {difference}},
            {"interval", {interval}}};
  };
  Json rows = {row("vt", {0.5, 0.75}, 0.25, {0.125, 0.375}),
               row("cwe", {0.5, 0.25}, -0.25, {-0.5, 0.0})};
  rows.push_back(row("qa", {nullptr, 0.5}, nullptr, {nullptr, nullptr}));
  write("compare.json",
        {{"names", {"a", "b"}},
         {"rows", rows},
         {"overall", {row("all", {0.5, 0.5}, 0, {-0.5, 0.5})}}});
  const std::string text = page();
  EXPECT_TRUE(holds(text, "<strong>▲ 0.25</strong></td><td>0.125 to 0.375<"));
  EXPECT_TRUE(holds(text, "<td class=\"number\">-0.25</td><td>-0.5 to 0<"))
      << "an interval that ends at zero includes it";
  EXPECT_TRUE(holds(text, "28 of 30</td><td class=\"number\">missing<"));
  EXPECT_TRUE(holds(text, "<td>all</td>"));
  EXPECT_TRUE(holds(text, "vt, 1024, b: 0.25 (0.125 to 0.375), the interval excludes 0"));
  EXPECT_TRUE(fs::exists(folder_ / "differences-ruler.svg"));

  write("compare.json", {{"names", {"a", "b", "c"}}, {"rows", rows}});
  expect_user_error([&] { page(); }, {"compare.json", "row of vt has 2 scores", "each of 3 runs"});
  write("compare.json", {{"rows", rows}});
  expect_user_error([&] { page(); }, {"compare.json", "\"names\"", "is missing"});
}

}  // namespace
}  // namespace retmask
