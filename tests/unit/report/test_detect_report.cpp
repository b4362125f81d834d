#include <gtest/gtest.h>

#include <cmath>

#include "retmask/base/file.h"
#include "retmask/report/detect_report.h"
#include "unit/support/temp_dir.h"

namespace retmask {
namespace {

DetectReport small_report() {
  return {.model = "a & b",
          .scores = {{0.5, 0.0}, {0.25, 0.75}},
          .marked = {{1, 1}},
          .marked_label = "score of at least 0.6",
          .samples = {{512, 0.0, true}, {512, 0.0, false}, {512, 0.5, true}, {256, 0.5, false}},
          .facts = {.columns = {}, .rows = {{"lengths", "256, 512"}}}};
}

TEST(SuccessGrid, CountsByDepthAndLength) {
  const SuccessGrid grid = success_grid(small_report().samples, "t");
  EXPECT_EQ(grid.lengths, (std::vector<std::string>{"256", "512"}));
  EXPECT_EQ(grid.depths, (std::vector<std::string>{"0 %", "50 %"}));
  EXPECT_EQ(grid.successes, (std::vector<std::vector<int64_t>>{{0, 1}, {0, 1}}));
  EXPECT_EQ(grid.totals, (std::vector<std::vector<int64_t>>{{0, 2}, {1, 1}}));
}

TEST(TopHeads, AreSortedByScore) {
  const Table table = top_heads(small_report(), 3);
  ASSERT_EQ(table.rows.size(), 3U);
  EXPECT_EQ(table.rows[0], (std::vector<std::string>{"1", "1-1", "0.75", "yes"}));
  EXPECT_EQ(table.rows[1], (std::vector<std::string>{"2", "0-0", "0.5", "no"}));
  EXPECT_EQ(table.rows[2], (std::vector<std::string>{"3", "1-0", "0.25", "no"}));
}

TEST(TopHeads, PutHeadsWithoutDataLast) {
  DetectReport report = small_report();
  report.scores = {{NAN, 0.1}, {NAN, 0.2}};
  const Table table = top_heads(report, 4);
  EXPECT_EQ(table.rows[0][1], "1-1");
  EXPECT_EQ(table.rows[1][1], "0-1");
  EXPECT_EQ(table.rows[2][2], "no data");
}

TEST(DetectReport, WritesPictureAndPage) {
  const testing::TempDir folder;
  write_detect_report(folder / "", small_report());
  EXPECT_TRUE(read_text_file(folder / "heads.svg", "picture").starts_with("<svg xmlns="));
  const std::string page = read_text_file(folder / "report.html", "page");
  EXPECT_NE(page.find("Retrieval heads of a &amp; b"), std::string::npos);
  EXPECT_NE(page.find("Outlined: 1 of 4 heads, score of at least 0.6."), std::string::npos);
  EXPECT_NE(page.find("2 of 4 questions right"), std::string::npos);
}

TEST(DetectReport, SurvivesADetectionWithoutRightAnswers) {
  DetectReport report = small_report();
  report.scores = {{NAN, NAN}};
  report.marked = {};
  for (auto& sample : report.samples) sample.success = false;
  const std::string markup = detect_section(report).markup();
  EXPECT_NE(markup.find("0 of 4 questions right"), std::string::npos);
}

}  // namespace
}  // namespace retmask
