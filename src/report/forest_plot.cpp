#include <algorithm>
#include <cmath>

#include "retmask/base/error.h"
#include "retmask/report/svg.h"
#include "svg_canvas.h"

namespace retmask {
namespace {

constexpr double kForestTop = 48;
constexpr double kForestWidth = 420;
constexpr double kSeriesHeight = 15;
constexpr double kRowGap = 9;

void draw_difference(SvgCanvas& canvas,
                     const ForestPlot& plot,
                     const ForestRow& row,
                     size_t series,
                     const Scale& x,
                     double y) {
  const double value = row.differences[series];
  const ValueInterval interval = row.intervals[series];
  if (std::isnan(value)) return;
  const bool clear = interval.is_known() && (interval.low > 0 || interval.high < 0);
  canvas.begin_group(series_class(series) + R"( stroke="currentColor" stroke-width="1.6")");
  if (interval.is_known()) {
    canvas.line(x(interval.low), y, x(interval.high), y, {});
    for (const double end : {interval.low, interval.high})
      canvas.line(x(end), y - 3.5, x(end), y + 3.5, {});
  }
  std::string tooltip =
      row.label + ", " + plot.series[series] + ": " + format_value(value, interval);
  if (clear) tooltip += ", the interval excludes 0";
  canvas.marker(
      series, x(value), y, 4.2, clear ? R"(fill="currentColor")" : R"(class="rm-bg")", tooltip);
  canvas.end_group();
}

Range range_of(const ForestPlot& plot) {
  Range range{0, 0};
  for (const ForestRow& row : plot.rows) {
    RETMASK_CHECK(row.differences.size() == plot.series.size());
    RETMASK_CHECK(row.intervals.size() == plot.series.size());
    for (const double value : row.differences) range.add(value);
    for (const ValueInterval& interval : row.intervals) {
      range.add(interval.low);
      range.add(interval.high);
    }
  }
  return range.widened();
}

}  // namespace

std::string forest_plot_svg(const ForestPlot& plot) {
  RETMASK_CHECK(!plot.series.empty());
  double longest = 0;
  for (const ForestRow& row : plot.rows) longest = std::max(longest, text_width(row.label));
  const double row_height = kSeriesHeight * static_cast<double>(plot.series.size()) + kRowGap;
  const Box area{
      28 + longest, kForestTop, kForestWidth, row_height * static_cast<double>(plot.rows.size())};
  const double legend_top = area.bottom() + kXAxisHeight + 2;
  const double width = std::max(area.right() + 24, 32 + text_width(plot.title) * 1.3);
  SvgCanvas canvas(
      width, legend_top + legend_height(area.right() - 16, plot.series) + 12, plot.title);

  const Range range = range_of(plot);
  const std::vector<double> ticks = nice_ticks(range.low, range.high, 6);
  const Scale x{ticks.front(), ticks.back(), area.left + 8, area.right() - 8};
  for (const double tick : ticks)
    canvas.line(x(tick), area.top, x(tick), area.bottom(), R"(class="rm-grid")");
  canvas.line(x(0), area.top, x(0), area.bottom(), R"(class="rm-axis" stroke-width="1.5")");
  draw_x_axis(canvas, area, ticks, x, plot.x_label);
  for (size_t i = 0; i < plot.rows.size(); ++i) {
    const double top = area.top + row_height * static_cast<double>(i);
    const double middle = top + row_height / 2;
    canvas.text(area.left - 10, middle + 4, plot.rows[i].label, TextStyle::label, Anchor::end);
    for (size_t s = 0; s < plot.series.size(); ++s) {
      const double y = top + kRowGap / 2 + kSeriesHeight * (static_cast<double>(s) + 0.5);
      draw_difference(canvas, plot, plot.rows[i], s, x, y);
    }
  }
  draw_legend(canvas, {16, legend_top, area.right() - 16}, plot.series, LegendKey::marker);
  return canvas.finish();
}

}  // namespace retmask
