#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "retmask/report/svg.h"

namespace retmask {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(EscapeXml, CoversMarkupAndControlCharacters) {
  EXPECT_EQ(escape_xml("<a href='x'>\"&\n\t"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;\n\t");
  EXPECT_EQ(escape_xml(std::string("a\x01") + "b"), "a\xEF\xBF\xBD" + std::string("b"));
  EXPECT_EQ(escape_xml("é"), "é");
}

TEST(FormatNumber, IsShort) {
  EXPECT_EQ(format_number(0.25), "0.25");
  EXPECT_EQ(format_number(1200), "1200");
  EXPECT_EQ(format_number(123456), "123456");
  EXPECT_EQ(format_number(5e-7), "5e-07");
  EXPECT_EQ(format_number(0.69314718), "0.6931");
  EXPECT_EQ(format_number(kNone), "");
}

TEST(HeadMapSvg, DrawsAndOutlinesEveryHead) {
  const std::string svg = head_map_svg({.title = "Scores <1>",
                                        .values = {{0.5, 0}, {kNone, 0.25}, {0, 0}},
                                        .marked = {{0, 0}, {1, 1}},
                                        .marked_label = "over 0.1"});
  for (const char* head :
       {"0-0: 0.5 (over 0.1)", "0-1: 0<", "1-0: no data", "1-1: 0.25 (over 0.1)", "2-1: 0<"}) {
    EXPECT_EQ(count(svg, std::string("<title>head ") + head), 1U) << head;
  }
  EXPECT_EQ(count(svg, "class=\"rm-mark\""), 3U) << "two heads and the legend";
  EXPECT_EQ(count(svg, "over 0.1 (2 heads)"), 1U);
  EXPECT_NE(svg.find("Scores &lt;1&gt;"), std::string::npos);
}

TEST(LineChartSvg, BreaksTheLineAtGaps) {
  const std::string svg =
      line_chart_svg({.title = "t",
                      .x_label = "step",
                      .y_label = "y",
                      .series = {{"a", {{0, 1}, {1, 2}, {2, kNone}, {3, 1}, {4, 2}}}}});
  EXPECT_EQ(count(svg, "<polyline"), 2U);
  EXPECT_EQ(count(svg, "<circle"), 4U);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(LineChartSvg, SurvivesFlatAndEmptyData) {
  const LineChart flat{.title = "t", .x_label = "x", .y_label = "y", .series = {{"a", {{1, 3}}}}};
  EXPECT_EQ(count(line_chart_svg(flat), "<circle"), 1U);
  const LineChart empty{
      .title = "t", .x_label = "x", .y_label = "y", .series = {{"a", {{1, kNone}}}}};
  EXPECT_NE(line_chart_svg(empty).find("no data"), std::string::npos);
  for (const auto& svg : {line_chart_svg(flat), line_chart_svg(empty)}) {
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
  }
}

double height_of(const std::string& svg) {
  const std::string before = " height=\"";
  return std::stod(svg.substr(svg.find(before) + before.size()));
}

TEST(LineChartSvg, GrowsWithItsLegend) {
  const auto chart = [](int series) {
    LineChart lines{.title = "t", .x_label = "x", .y_label = "y", .series = {}};
    for (int i = 0; i < series; ++i)
      lines.series.push_back({"a run with a long name", {{0, 1}, {1, 2}}});
    return lines;
  };
  EXPECT_LT(height_of(line_chart_svg(chart(1))), height_of(line_chart_svg(chart(2))));
  EXPECT_LT(height_of(line_chart_svg(chart(2))), height_of(line_chart_svg(chart(6))));
}

TEST(BarChartSvg, HasABarPerValueAndALegendForSeveralSeries) {
  const BarChart chart{.title = "t",
                       .y_label = "%",
                       .groups = {"g1", "g2"},
                       .series = {"before", "after"},
                       .values = {{10, 20}, {30, kNone}},
                       .y_max = 100};
  const std::string svg = bar_chart_svg(chart);
  EXPECT_EQ(count(svg, "<title>g"), 3U);
  EXPECT_EQ(count(svg, ">after<"), 1U);
  EXPECT_NE(svg.find("g1, after: 30"), std::string::npos);
}

TEST(HistogramSvg, CountsEveryValueOnce) {
  const std::string svg =
      histogram_svg({.title = "t", .x_label = "score", .values = {0, 0, 0, 0.5, 1}, .bins = 10});
  EXPECT_NE(svg.find("0 to 0.1: 3"), std::string::npos);
  EXPECT_NE(svg.find("0.5 to 0.6: 1"), std::string::npos);
  EXPECT_NE(svg.find("0.9 to 1: 1"), std::string::npos)
      << "the largest value belongs to the last bin";
}

TEST(HistogramSvg, SurvivesEqualValues) {
  EXPECT_EQ(histogram_svg({.title = "t", .x_label = "x", .values = {0, 0}}).find("nan"),
            std::string::npos);
}

TEST(SuccessGridSvg, ShowsCountsAndLeavesMissingCellsBlank) {
  const std::string svg = success_grid_svg({.title = "t",
                                            .lengths = {"512", "1024"},
                                            .depths = {"0 %", "100 %"},
                                            .successes = {{2, 0}, {3, 0}},
                                            .totals = {{3, 0}, {3, 3}}});
  EXPECT_NE(svg.find("length 512, depth 0 %: 2/3 right"), std::string::npos);
  EXPECT_NE(svg.find("length 1024, depth 0 %: no samples"), std::string::npos);
  EXPECT_EQ(count(svg, ">0/3<"), 1U);
}

}  // namespace
}  // namespace retmask
