#include <algorithm>
#include <cmath>
#include <limits>

#include "retmask/report/svg.h"
#include "svg_canvas.h"

namespace retmask {
namespace {

constexpr double kWidth = 520;
constexpr Box kPlot{72, 52, 424, 220};
constexpr double kLegendTop = 318;
constexpr size_t kMostMarks = 60;  // up to this many points are drawn as dots

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value) {
    if (!std::isfinite(value)) return;
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

bool has_whole_x(const LineChart& chart) {
  return std::all_of(chart.series.begin(), chart.series.end(), [](const Series& series) {
    return std::all_of(series.points.begin(), series.points.end(), [](const auto& point) {
      return point.first == std::round(point.first);
    });
  });
}

void draw_axes(SvgCanvas& canvas,
               const LineChart& chart,
               const std::vector<double>& x_ticks,
               const Scale& x,
               const std::vector<double>& y_ticks,
               const Scale& y) {
  for (const double tick : y_ticks) {
    canvas.line(kPlot.left, y(tick), kPlot.right(), y(tick), R"(class="rm-grid")");
    canvas.text(kPlot.left - 8, y(tick) + 4, format_number(tick), TextStyle::small, Anchor::end);
  }
  for (const double tick : x_ticks) {
    if (tick < x.from || tick > x.to) continue;
    canvas.line(x(tick), kPlot.bottom(), x(tick), kPlot.bottom() + 4, R"(class="rm-axis")");
    canvas.text(
        x(tick), kPlot.bottom() + 17, format_number(tick), TextStyle::small, Anchor::middle);
  }
  canvas.line(kPlot.left, kPlot.bottom(), kPlot.right(), kPlot.bottom(), R"(class="rm-axis")");
  canvas.text(kPlot.left + kPlot.width / 2,
              kPlot.bottom() + 36,
              chart.x_label,
              TextStyle::small,
              Anchor::middle);
  canvas.vertical_text(18, kPlot.top + kPlot.height / 2, chart.y_label);
}

void draw_series(SvgCanvas& canvas,
                 const Series& series,
                 std::string_view colour,
                 const Scale& x,
                 const Scale& y) {
  std::vector<std::pair<double, double>> stretch;  // gaps in the data split the line
  const auto end_stretch = [&] {
    if (stretch.size() > 1) canvas.polyline(stretch, colour);
    stretch.clear();
  };
  const bool marks = series.points.size() <= kMostMarks;
  for (const auto& [at, value] : series.points) {
    if (!std::isfinite(value)) {
      end_stretch();
      continue;
    }
    stretch.emplace_back(x(at), y(value));
  }
  end_stretch();
  for (const auto& [at, value] : series.points) {
    if (!std::isfinite(value)) continue;
    canvas.circle(x(at),
                  y(value),
                  marks ? 2.6 : 4,
                  "fill=\"" + std::string(colour) + "\"" + (marks ? "" : R"( fill-opacity="0")"),
                  series.name + ": " + format_number(value) + " at " + format_number(at, 8));
  }
}

std::vector<std::string> series_names(const LineChart& chart) {
  std::vector<std::string> names;
  for (const Series& series : chart.series) names.push_back(series.name);
  return names;
}

}  // namespace

std::string line_chart_svg(const LineChart& chart) {
  Range x_range;
  Range y_range;
  for (const Series& series : chart.series) {
    for (const auto& [x, y] : series.points) {
      x_range.add(x);
      y_range.add(y);
    }
  }
  const std::vector<std::string> names = series_names(chart);
  const double legend = names.size() > 1 ? legend_height(kPlot.width, names) + 12 : 0;
  SvgCanvas canvas(kWidth, kLegendTop + legend, chart.title);
  if (x_range.empty() || y_range.empty()) {
    canvas.text(kPlot.left + kPlot.width / 2,
                kPlot.top + kPlot.height / 2,
                "no data",
                TextStyle::label,
                Anchor::middle);
    return canvas.finish();
  }
  if (y_range.low == y_range.high) {  // centre a flat line
    const double room = y_range.low != 0 ? std::abs(y_range.low) / 2 : 1;
    y_range = {y_range.low - room, y_range.high + room};
  }
  if (x_range.low == x_range.high) x_range = {x_range.low - 0.5, x_range.high + 0.5};
  const std::vector<double> y_ticks = nice_ticks(y_range.low, y_range.high, 5);
  std::vector<double> x_ticks = nice_ticks(x_range.low, x_range.high, 6);
  if (has_whole_x(chart)) {  // no step 1.5
    std::erase_if(x_ticks, [](double tick) { return tick != std::round(tick); });
  }
  const Scale x{x_range.low, x_range.high, kPlot.left + 8, kPlot.right() - 8};
  const Scale y{y_ticks.front(), y_ticks.back(), kPlot.bottom(), kPlot.top};

  draw_axes(canvas, chart, x_ticks, x, y_ticks, y);
  for (size_t i = 0; i < chart.series.size(); ++i) {
    draw_series(canvas, chart.series[i], series_colour(i), x, y);
  }
  if (names.size() > 1) draw_legend(canvas, kPlot.left, kLegendTop, kPlot.width, names);
  return canvas.finish();
}

}  // namespace retmask
