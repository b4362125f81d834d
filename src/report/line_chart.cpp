#include <algorithm>
#include <cmath>

#include "retmask/base/error.h"
#include "retmask/report/svg.h"
#include "svg_canvas.h"

namespace retmask {
namespace {

constexpr double kWidth = 520;
constexpr Box kPlot{72, 52, 424, 220};
constexpr size_t kMostMarks = 60;     // up to this many points are drawn as symbols
constexpr double kTooltipStep = 1.5;  // pixels between points that have a tooltip

struct Axes {
  Scale x;
  Scale y;
};

bool has_whole_x(const LineChart& chart) {
  return std::all_of(chart.series.begin(), chart.series.end(), [](const Series& series) {
    return std::all_of(series.points.begin(), series.points.end(), [](const auto& point) {
      return point.first == std::round(point.first);
    });
  });
}

ValueInterval interval_of(const Series& series, size_t point) {
  return series.intervals.empty() ? ValueInterval{} : series.intervals[point];
}

// Calls `draw(begin, end)` for each stretch of points without a gap in the data.
template <typename Draw>
void for_each_stretch(const Series& series, const Draw& draw) {
  size_t begin = 0;
  for (size_t i = 0; i <= series.points.size(); ++i) {
    if (i < series.points.size() && std::isfinite(series.points[i].second)) continue;
    if (i > begin + 1) draw(begin, i);
    begin = i + 1;
  }
}

void draw_band(SvgCanvas& canvas, const Series& series, const Axes& axes) {
  for_each_stretch(series, [&](size_t begin, size_t end) {
    std::vector<std::pair<double, double>> outline;
    std::vector<std::pair<double, double>> back;
    for (size_t i = begin; i < end; ++i) {
      const ValueInterval interval = interval_of(series, i);
      if (!interval.is_known()) continue;
      outline.emplace_back(axes.x(series.points[i].first), axes.y(interval.high));
      back.emplace_back(axes.x(series.points[i].first), axes.y(interval.low));
    }
    outline.insert(outline.end(), back.rbegin(), back.rend());
    if (outline.size() > 2)
      canvas.polygon(outline, R"(fill="currentColor" fill-opacity=".22" stroke="none")");
  });
}

void draw_bars(SvgCanvas& canvas, const Series& series, const Axes& axes, double shift) {
  constexpr double kCap = 3.5;
  for (size_t i = 0; i < series.points.size(); ++i) {
    const ValueInterval interval = interval_of(series, i);
    if (!interval.is_known()) continue;
    const double x = axes.x(series.points[i].first) + shift;
    const double low = axes.y(interval.low);
    const double high = axes.y(interval.high);
    canvas.line(x, low, x, high, {});
    canvas.line(x - kCap, low, x + kCap, low, {});
    canvas.line(x - kCap, high, x + kCap, high, {});
  }
}

void draw_points(
    SvgCanvas& canvas, const Series& series, size_t index, const Axes& axes, double shift) {
  const bool marks = series.points.size() <= kMostMarks;
  double last = -kTooltipStep;
  for (size_t i = 0; i < series.points.size(); ++i) {
    const auto& [at, value] = series.points[i];
    if (!std::isfinite(value)) continue;
    const double x = axes.x(at) + shift;
    if (x - last < kTooltipStep && !marks) continue;  // the pointer could not tell them apart
    last = x;
    const std::string place =
        series.labels.empty() ? "at " + format_number(at, 8) : series.labels[i];
    canvas.marker(marks ? index : 0,
                  x,
                  axes.y(value),
                  marks ? 3.2 : 4,
                  marks ? R"(fill="currentColor")" : R"(fill-opacity="0" stroke="none")",
                  series.name + ": " + format_value(value, interval_of(series, i)) + " " + place);
  }
}

// `shift`: pixels to the right, so that bars of several series do not cover each other.
void draw_series(
    SvgCanvas& canvas, const LineChart& chart, size_t index, const Axes& axes, double shift) {
  const Series& series = chart.series[index];
  RETMASK_CHECK(series.intervals.empty() || series.intervals.size() == series.points.size());
  RETMASK_CHECK(series.labels.empty() || series.labels.size() == series.points.size());
  canvas.begin_group(series_class(index) + R"( stroke="currentColor" stroke-width="1.4")");
  if (chart.band) {
    draw_band(canvas, series, axes);
  } else {
    draw_bars(canvas, series, axes, shift);
  }
  for_each_stretch(series, [&](size_t begin, size_t end) {
    std::vector<std::pair<double, double>> line;
    for (size_t i = begin; i < end; ++i) {
      line.emplace_back(axes.x(series.points[i].first) + shift, axes.y(series.points[i].second));
    }
    canvas.polyline(line, R"(stroke-width="1.8" stroke-linejoin="round" )" + series_dash(index));
  });
  draw_points(canvas, series, index, axes, shift);
  canvas.end_group();
}

// Their labels stand at the top right: beside the lines, those of close levels would cover each
// other.
void draw_levels(SvgCanvas& canvas, const std::vector<Level>& levels, const Scale& y) {
  double top = kPlot.top + 14;
  for (const Level& level : levels) {
    canvas.line(kPlot.left, y(level.y), kPlot.right(), y(level.y), R"(class="rm-level")");
    canvas.text(kPlot.right() - 4, top, level.label, TextStyle::small, Anchor::end);
    top += 16;
  }
}

std::vector<std::string> series_names(const LineChart& chart) {
  std::vector<std::string> names;
  for (const Series& series : chart.series) names.push_back(series.name);
  return names;
}

std::pair<Range, Range> ranges_of(const LineChart& chart) {
  Range x;
  Range y;
  for (const Series& series : chart.series) {
    for (size_t i = 0; i < series.points.size(); ++i) {
      x.add(series.points[i].first);
      y.add(series.points[i].second);
      const ValueInterval interval = interval_of(series, i);
      y.add(interval.low);
      y.add(interval.high);
    }
  }
  if (y.empty()) return {x, y};
  for (const Level& level : chart.levels) y.add(level.y);
  if (chart.from_zero) y.add(0);
  return {x, y};
}

}  // namespace

std::string line_chart_svg(const LineChart& chart) {
  auto [x_range, y_range] = ranges_of(chart);
  const std::vector<std::string> names = series_names(chart);
  const double legend = names.size() > 1 ? legend_height(kPlot.width, names) + 12 : 0;
  const double legend_top = kPlot.bottom() + kXAxisHeight + 2;
  SvgCanvas canvas(kWidth, legend_top + legend, chart.title);
  if (x_range.empty() || y_range.empty()) {
    canvas.text(kPlot.left + kPlot.width / 2,
                kPlot.top + kPlot.height / 2,
                "no data",
                TextStyle::label,
                Anchor::middle);
    return canvas.finish();
  }
  y_range = y_range.widened();
  const std::vector<double> y_ticks = nice_ticks(y_range.low, y_range.high, 5);
  if (x_range.low == x_range.high) x_range = {x_range.low - 0.5, x_range.high + 0.5};
  std::vector<double> x_ticks =
      chart.log_x ? log_ticks(x_range.low, x_range.high) : nice_ticks(x_range.low, x_range.high, 6);
  if (has_whole_x(chart)) {  // no step 1.5
    std::erase_if(x_ticks, [](double tick) { return tick != std::round(tick); });
  }
  std::vector<std::string> x_names;
  if (!chart.x_ticks.empty()) {
    x_ticks.clear();
    for (const auto& [at, name] : chart.x_ticks) {
      x_ticks.push_back(at);
      x_names.push_back(name);
    }
  }
  const Axes axes{{x_range.low, x_range.high, kPlot.left + 8, kPlot.right() - 8, chart.log_x},
                  {y_ticks.front(), y_ticks.back(), kPlot.bottom(), kPlot.top}};

  draw_y_axis(canvas, kPlot, y_ticks, axes.y, chart.y_label);
  draw_x_axis(canvas, kPlot, x_ticks, axes.x, chart.x_label, x_names);
  for (size_t i = 0; i < chart.series.size(); ++i) {
    const bool bars =
        !chart.band && std::ranges::any_of(chart.series[i].intervals, &ValueInterval::is_known);
    const double middle = (static_cast<double>(chart.series.size()) - 1) / 2;
    draw_series(canvas, chart, i, axes, bars ? 5 * (static_cast<double>(i) - middle) : 0);
  }
  draw_levels(canvas, chart.levels, axes.y);
  if (names.size() > 1)
    draw_legend(canvas, {kPlot.left, legend_top, kPlot.width}, names, LegendKey::line);
  return canvas.finish();
}

}  // namespace retmask
