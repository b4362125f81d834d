#pragma once
// Charts as SVG for a page (html_page() adds their style sheet) or, through svg_file(), for a file
// of their own: no scripts, no external fonts or styles, readable on light and dark pages and in
// print, without relying on hue: series differ in marker and dash, heat in lightness. Every value
// has a tooltip. NaN means "no data" and is left blank.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "retmask/base/head_scores.h"
#include "retmask/report/text.h"

namespace retmask {

// A chart with its style sheet, as the content of an .svg file.
std::string svg_file(std::string_view chart);

// The interval around a value; NaN: unknown.
struct ValueInterval {
  double low = std::numeric_limits<double>::quiet_NaN();
  double high = std::numeric_limits<double>::quiet_NaN();

  bool is_known() const { return low <= high; }
};
// "0.7 to 0.9"; empty if unknown.
std::string format_interval(const ValueInterval& interval);
// "0.81 (0.7 to 0.9)", without the brackets if the interval is unknown, "no data" for NaN.
std::string format_value(double value, const ValueInterval& interval = {});

// Layers are columns, heads are rows.
struct HeadMap {
  std::string title;
  std::string value_label = "score";                       // of the colour legend
  std::vector<std::vector<double>> values;                 // [layers][heads], rectangular
  std::vector<std::vector<ValueInterval>> intervals = {};  // likewise, or empty
  std::vector<Head> marked = {};                           // to outline
  std::string marked_label = {};  // "score of at least 0.1"; shown in the legend
};
std::string head_map_svg(const HeadMap& map);

// Success by context length (columns) and needle depth (rows).
struct SuccessGrid {
  std::string title;
  std::vector<std::string> lengths;
  std::vector<std::string> depths;
  std::vector<std::vector<int64_t>> successes;  // [depths][lengths]
  std::vector<std::vector<int64_t>> totals;     // [depths][lengths]; 0 = no sample there
};
std::string success_grid_svg(const SuccessGrid& grid);

struct Series {
  std::string name;
  std::vector<std::pair<double, double>> points;  // (x, y), x ascending
  std::vector<ValueInterval> intervals = {};      // of each point's y, or empty
  std::vector<std::string> labels = {};  // of each point's tooltip instead of its x, or empty
};

// A horizontal line across the chart; its label stands in the top right corner.
struct Level {
  double y = 0;
  std::string label;
};

struct LineChart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Series> series;
  std::vector<Level> levels = {};
  bool log_x = false;      // for x of at least 1
  bool band = false;       // intervals as a band around the line instead of bars
  bool from_zero = false;  // the y axis includes 0
  std::vector<std::pair<double, std::string>> x_ticks = {};  // x and its name, instead of numbers
};
std::string line_chart_svg(const LineChart& chart);

// Charts side by side, `columns` in a row, as one picture.
std::string panels_svg(std::string_view title,
                       const std::vector<std::string>& charts,
                       size_t columns);

// One cluster of bars per group, one bar per series; a single series has no legend.
struct BarChart {
  std::string title;
  std::string y_label;
  std::vector<std::string> groups;
  std::vector<std::string> series;
  std::vector<std::vector<double>> values;  // [series][groups]
  double y_max = 0;                         // top of the axis; 0 = automatic
};
std::string bar_chart_svg(const BarChart& chart);

struct ScatterPoint {
  std::string name;
  double x = 0;
  double y = 0;
};

struct ScatterGroup {
  std::string name;
  std::vector<ScatterPoint> points;
};

// Groups differ in marker and colour; each is drawn over the one before.
struct ScatterChart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<ScatterGroup> groups;
};
std::string scatter_chart_svg(const ScatterChart& chart);

struct ForestRow {
  std::string label;
  std::vector<double> differences;       // [series]
  std::vector<ValueInterval> intervals;  // [series]
};

// Differences with their intervals, one row per task. Markers are solid where the interval excludes
// zero.
struct ForestPlot {
  std::string title;
  std::string x_label;
  std::vector<std::string> series;
  std::vector<ForestRow> rows;
};
std::string forest_plot_svg(const ForestPlot& plot);

}  // namespace retmask
