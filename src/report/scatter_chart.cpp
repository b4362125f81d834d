#include <cmath>
#include <map>

#include "retmask/base/error.h"
#include "retmask/report/svg.h"
#include "svg_canvas.h"

namespace retmask {
namespace {

constexpr Box kScatterPlot{76, 52, 420, 420};
constexpr size_t kNamedPoints = 8;  // names in the tooltip of one place

struct Place {
  std::string names;
  size_t count = 0;
  double x = 0;
  double y = 0;
};

// Points of the same place, to half a pixel, become one symbol: most heads score 0 twice.
std::vector<Place> places_of(const ScatterGroup& group, const Scale& x, const Scale& y) {
  std::map<std::pair<long, long>, Place> places;
  for (const ScatterPoint& point : group.points) {
    if (!std::isfinite(point.x) || !std::isfinite(point.y)) continue;
    Place& place = places[{std::lround(2 * x(point.x)), std::lround(2 * y(point.y))}];
    if (place.count == 0) {
      place.x = point.x;
      place.y = point.y;
    }
    if (place.count < kNamedPoints) place.names += (place.count > 0 ? ", " : "") + point.name;
    ++place.count;
  }
  std::vector<Place> list;
  for (auto& [at, place] : places) list.push_back(std::move(place));
  return list;
}

void draw_group(
    SvgCanvas& canvas, const ScatterGroup& group, size_t index, const Scale& x, const Scale& y) {
  canvas.begin_group(series_class(index) +
                     R"( fill="currentColor" fill-opacity=".55" stroke="currentColor")");
  for (const Place& place : places_of(group, x, y)) {
    std::string tooltip = place.names;
    if (place.count > kNamedPoints)
      tooltip += " and " + std::to_string(place.count - kNamedPoints) + " more";
    tooltip += ": " + format_number(place.x, 3) + " and " + format_number(place.y, 3);
    canvas.marker(index, x(place.x), y(place.y), 3.6, {}, tooltip);
  }
  canvas.end_group();
}

}  // namespace

std::string scatter_chart_svg(const ScatterChart& chart) {
  RETMASK_CHECK(!chart.groups.empty());
  Range x_range;
  Range y_range;
  std::vector<std::string> names;
  for (const ScatterGroup& group : chart.groups) {
    names.push_back(group.name + " (" + std::to_string(group.points.size()) + ")");
    for (const ScatterPoint& point : group.points) {
      x_range.add(point.x);
      y_range.add(point.y);
    }
  }
  const Box& plot = kScatterPlot;
  const double legend_top = plot.bottom() + kXAxisHeight + 2;
  const double width = std::max(plot.right() + 24, 32 + text_width(chart.title) * 1.3);
  SvgCanvas canvas(width, legend_top + legend_height(plot.width, names) + 12, chart.title);
  x_range = x_range.empty() ? Range{0, 1} : x_range.widened();
  y_range = y_range.empty() ? Range{0, 1} : y_range.widened();
  const std::vector<double> x_ticks = nice_ticks(x_range.low, x_range.high, 6);
  const std::vector<double> y_ticks = nice_ticks(y_range.low, y_range.high, 6);
  const Scale x{x_ticks.front(), x_ticks.back(), plot.left + 8, plot.right() - 8};
  const Scale y{y_ticks.front(), y_ticks.back(), plot.bottom() - 8, plot.top};

  draw_y_axis(canvas, plot, y_ticks, y, chart.y_label);
  draw_x_axis(canvas, plot, x_ticks, x, chart.x_label);
  // The line of equal values, where the ranges meet.
  const double from = std::max(x.from, y.from);
  const double to = std::min(x.to, y.to);
  if (from < to) canvas.line(x(from), y(from), x(to), y(to), R"(class="rm-level")");
  for (size_t i = 0; i < chart.groups.size(); ++i) draw_group(canvas, chart.groups[i], i, x, y);
  draw_legend(canvas, {plot.left, legend_top, plot.width}, names, LegendKey::marker);
  return canvas.finish();
}

}  // namespace retmask
