#include <algorithm>
#include <cmath>
#include <set>

#include "retmask/base/error.h"
#include "retmask/report/svg.h"
#include "svg_canvas.h"

namespace retmask {
namespace {

constexpr double kHeadMapLeft = 56;
constexpr double kHeadMapTop = 48;
constexpr double kRight = 96;  // room for the colour legend
constexpr double kHeadMapBottom = 76;
constexpr double kMinWidth = 460;

double largest_value(const HeadMap& map) {
  double largest = 0;
  for (const auto& layer : map.values) {
    for (const double value : layer) {
      if (value > largest) largest = value;  // false for NaN
    }
  }
  return largest > 0 ? largest : 1;
}

// Every label if there is room, otherwise every 2nd, 5th, 10th...
size_t label_step(double cell, double label_width) {
  for (const size_t step : {1, 2, 5, 10, 20}) {
    if (cell * static_cast<double>(step) >= label_width) return step;
  }
  return 50;
}

Box cell_box(const Box& plot, double cell, const Head& head) {
  return {plot.left + static_cast<double>(head.layer) * cell,
          plot.top + static_cast<double>(head.head) * cell,
          cell,
          cell};
}

std::string describe(const HeadMap& map, const Head& head, bool is_marked) {
  const auto layer = static_cast<size_t>(head.layer);
  const auto index = static_cast<size_t>(head.head);
  const ValueInterval interval =
      map.intervals.empty() ? ValueInterval{} : map.intervals[layer][index];
  std::string text =
      "head " + to_string(head) + ": " + format_value(map.values[layer][index], interval);
  if (is_marked && !map.marked_label.empty()) text += ", " + map.marked_label;
  return text;
}

void draw_cells(
    SvgCanvas& canvas, const HeadMap& map, const Box& plot, double cell, double largest) {
  const std::set<Head> marked(map.marked.begin(), map.marked.end());
  std::vector<Box> blank;
  canvas.begin_group(R"(class="rm-cell rm-heat")");
  for (size_t layer = 0; layer < map.values.size(); ++layer) {
    for (size_t head = 0; head < map.values[layer].size(); ++head) {
      const double value = map.values[layer][head];
      const Head index{static_cast<int64_t>(layer), static_cast<int64_t>(head)};
      const Box box = cell_box(plot, cell, index);
      const double share = std::isnan(value) ? 0 : value / largest;
      canvas.rect(box, heat_fill(share), describe(map, index, marked.contains(index)));
      if (std::isnan(value)) blank.push_back(box);
    }
  }
  canvas.end_group();
  for (const Box& box : blank) {
    canvas.line(box.left, box.bottom(), box.right(), box.top, R"(class="rm-none")");
  }
  // After all cells, so that no neighbour covers an outline.
  canvas.begin_group(R"(class="rm-mark" pointer-events="none")");
  for (const Head& head : marked) {
    const Box box = cell_box(plot, cell, head);
    canvas.rect({box.left + 1, box.top + 1, cell - 2, cell - 2}, {});
  }
  canvas.end_group();
}

void draw_map_axes(SvgCanvas& canvas, const HeadMap& map, const Box& plot, double cell) {
  const size_t layer_step = label_step(cell, 20);
  for (size_t layer = 0; layer < map.values.size(); layer += layer_step) {
    canvas.text(plot.left + (static_cast<double>(layer) + 0.5) * cell,
                plot.bottom() + 15,
                std::to_string(layer),
                TextStyle::small,
                Anchor::middle);
  }
  const size_t head_step = label_step(cell, 13);
  for (size_t head = 0; head < map.values.front().size(); head += head_step) {
    canvas.text(plot.left - 6,
                plot.top + (static_cast<double>(head) + 0.5) * cell + 4,
                std::to_string(head),
                TextStyle::small,
                Anchor::end);
  }
  canvas.text(
      plot.left + plot.width / 2, plot.bottom() + 33, "layer", TextStyle::small, Anchor::middle);
  canvas.vertical_text(20, plot.top + plot.height / 2, "head");
  if (map.marked.empty()) return;
  const double y = plot.bottom() + 46;
  canvas.rect({plot.left, y, 12, 12}, R"(class="rm-mark")");
  canvas.text(plot.left + 20,
              y + 10.5,
              map.marked_label + " (" + std::to_string(map.marked.size()) + " heads)",
              TextStyle::label);
}

void draw_colour_legend(SvgCanvas& canvas, const HeadMap& map, const Box& plot, double largest) {
  constexpr int kSteps = 40;
  const Box bar{plot.right() + 24, plot.top + 8, 14, std::max(90.0, plot.height - 16)};
  canvas.begin_group(R"(class="rm-heat" shape-rendering="crispEdges")");
  for (int i = 0; i < kSteps; ++i) {
    const double height = bar.height / kSteps;
    canvas.rect({bar.left, bar.top + i * height, bar.width, height},
                heat_fill(1 - (i + 0.5) / kSteps));
  }
  canvas.end_group();
  canvas.rect(bar, R"(class="rm-none")");
  const Scale scale{0, largest, bar.bottom(), bar.top};
  for (const double tick : nice_ticks(0, largest, 4)) {
    if (tick > largest * 1.0001) continue;
    canvas.text(bar.right() + 6, scale(tick) + 4, format_number(tick), TextStyle::small);
  }
  canvas.text(bar.left, bar.top - 8, map.value_label, TextStyle::small);
}

}  // namespace

std::string head_map_svg(const HeadMap& map) {
  RETMASK_CHECK(!map.values.empty() && !map.values.front().empty());
  const auto layers = static_cast<double>(map.values.size());
  const auto heads = static_cast<double>(map.values.front().size());
  const double cell = std::clamp(720 / layers, 12.0, 26.0);
  const Box plot{kHeadMapLeft, kHeadMapTop, cell * layers, cell * heads};
  const double largest = largest_value(map);

  const double width =
      std::max({kMinWidth, plot.right() + kRight, 32 + text_width(map.title) * 1.3});
  SvgCanvas canvas(width, std::max(plot.bottom(), plot.top + 106) + kHeadMapBottom, map.title);
  draw_cells(canvas, map, plot, cell, largest);
  draw_map_axes(canvas, map, plot, cell);
  draw_colour_legend(canvas, map, plot, largest);
  return canvas.finish();
}

}  // namespace retmask
