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
                                        .intervals = {{{0.4, 0.6}, {}}, {{}, {}}, {{}, {}}},
                                        .marked = {{0, 0}, {1, 1}},
                                        .marked_label = "over 0.1"});
  for (const char* head : {"0-0: 0.5 (0.4 to 0.6), over 0.1",
                           "0-1: 0<",
                           "1-0: no data",
                           "1-1: 0.25, over 0.1",
                           "2-1: 0<"}) {
    EXPECT_EQ(count(svg, std::string("<title>head ") + head), 1U) << head;
  }
  const std::string outlines = svg.substr(svg.find("class=\"rm-mark\""));
  EXPECT_EQ(count(outlines.substr(0, outlines.find("</g>")), "<rect"), 2U);
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

TEST(LineChartSvg, DrawsIntervalsAsBarsOrAsABand) {
  LineChart chart{.title = "t",
                  .x_label = "x",
                  .y_label = "y",
                  .series = {{.name = "a",
                              .points = {{1, 1}, {2, 2}, {3, 2}},
                              .intervals = {{0, 2}, {1, 3}, {}}}},
                  .levels = {{0.5, "half"}}};
  const std::string bars = line_chart_svg(chart);
  EXPECT_NE(bars.find("a: 1 (0 to 2) at 1<"), std::string::npos);
  EXPECT_NE(bars.find("a: 2 at 3<"), std::string::npos) << "an unknown interval is left out";
  EXPECT_EQ(count(bars, "<polygon"), 0U);
  EXPECT_EQ(count(bars, ">half<"), 1U);
  chart.band = true;
  const std::string band = line_chart_svg(chart);
  EXPECT_EQ(count(band, "<polygon"), 1U);
  EXPECT_EQ(count(bars, "<line") - count(band, "<line"), 6U) << "a line and two caps per bar";
}

TEST(LineChartSvg, SpreadsALogarithmicAxis) {
  const std::string svg = line_chart_svg({.title = "t",
                                          .x_label = "x",
                                          .y_label = "y",
                                          .series = {{"a", {{1, 0}, {10, 1}, {100, 2}}}},
                                          .log_x = true});
  // The middle of 1..100 is 10: three points at equal distances.
  EXPECT_NE(svg.find("cx=\"80\""), std::string::npos);
  EXPECT_NE(svg.find("cx=\"284\""), std::string::npos);
  EXPECT_NE(svg.find("cx=\"488\""), std::string::npos);
}

TEST(LineChartSvg, TellsSeriesApartWithoutColour) {
  LineChart chart{.title = "t", .x_label = "x", .y_label = "y", .series = {}};
  for (const char* name : {"a", "b", "c"}) chart.series.push_back({name, {{0, 1}, {1, 2}}});
  const std::string svg = line_chart_svg(chart);
  EXPECT_EQ(count(svg, "<circle"), 3U) << "series a and its legend";
  EXPECT_EQ(count(svg, "<polygon"), 6U) << "series b and c";
  EXPECT_EQ(count(svg, "stroke-dasharray=\"7 3\""), 2U);
  EXPECT_EQ(count(svg, "stroke-dasharray=\"2 3\""), 2U);
}

TEST(ScatterChartSvg, JoinsPointsOfOnePlace) {
  ScatterChart chart{
      .title = "t", .x_label = "x", .y_label = "y", .groups = {{"both", {}}, {"others", {}}}};
  chart.groups[0].points = {{"1-1", 0.5, 0.8}};
  for (int head = 0; head < 20; ++head)
    chart.groups[1].points.push_back({"0-" + std::to_string(head), 0, 0});
  const std::string svg = scatter_chart_svg(chart);
  EXPECT_NE(svg.find("<title>1-1: 0.5 and 0.8<"), std::string::npos);
  EXPECT_NE(svg.find("0-6, 0-7 and 12 more: 0 and 0<"), std::string::npos);
  EXPECT_EQ(count(svg, "<title>"), 2U);
  EXPECT_NE(svg.find(">others (20)<"), std::string::npos);
}

TEST(ForestPlotSvg, FillsTheMarkersOfIntervalsWithoutZero) {
  const std::string svg = forest_plot_svg({.title = "t",
                                           .x_label = "x",
                                           .series = {"after"},
                                           .rows = {{"vt", {0.5}, {{0.1, 0.9}}},
                                                    {"cwe", {0.1}, {{-0.1, 0.3}}},
                                                    {"qa", {-0.2}, {{-0.3, -0.1}}},
                                                    {"fwe", {kNone}, {{}}}}});
  EXPECT_NE(svg.find("vt, after: 0.5 (0.1 to 0.9), the interval excludes 0<"), std::string::npos);
  EXPECT_NE(svg.find("cwe, after: 0.1 (-0.1 to 0.3)<"), std::string::npos);
  EXPECT_EQ(count(svg, "excludes 0"), 2U);
  EXPECT_EQ(count(svg, "<circle"), 4U) << "three values and the legend";
  EXPECT_EQ(count(svg, "class=\"rm-bg\""), 2U) << "the page and the hollow marker";
  EXPECT_EQ(count(svg, ">fwe<"), 1U);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
}

TEST(SvgFile, IsAPictureOfItsOwn) {
  const std::string chart = bar_chart_svg(
      {.title = "a > b", .y_label = "y", .groups = {"g"}, .series = {"s"}, .values = {{1}}});
  const std::string file = svg_file(chart);
  EXPECT_TRUE(file.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" "));
  EXPECT_EQ(count(file, "<style>"), 1U);
  EXPECT_EQ(count(chart, "<style>"), 0U) << "the page has it once";
  EXPECT_NE(file.find("aria-label=\"a &gt; b\">\n<style>"), std::string::npos);
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
