#pragma once
// Charts as self-contained SVG text: no scripts, no external fonts or styles, readable on light and
// dark pages. Every value has a tooltip. NaN means "no data" and is left blank.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "retmask/base/head_scores.h"
#include "retmask/report/text.h"

namespace retmask {

// Layers are columns, heads are rows.
struct HeadMap {
  std::string title;
  std::string value_label = "score";        // of the colour legend
  std::vector<std::vector<double>> values;  // [layers][heads], rectangular
  std::vector<Head> marked;                 // to outline
  std::string marked_label;                 // "score of at least 0.1"; shown in the legend
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
};

struct LineChart {
  std::string title;
  std::string x_label;
  std::string y_label;
  std::vector<Series> series;
};
std::string line_chart_svg(const LineChart& chart);

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

struct Histogram {
  std::string title;
  std::string x_label;
  std::string y_label = "count";
  std::vector<double> values;
  int64_t bins = 20;
};
// The count axis is logarithmic, so that one full bin (most heads score 0) does not flatten the
// others.
std::string histogram_svg(const Histogram& histogram);

}  // namespace retmask
