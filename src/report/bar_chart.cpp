#include <algorithm>
#include <cmath>

#include "retmask/base/error.h"
#include "retmask/report/svg.h"
#include "svg_canvas.h"

namespace retmask {
namespace {

constexpr double kBarsLeft = 72;
constexpr double kBarsTop = 52;
constexpr double kHeight = 220;
constexpr double kBarGap = 2;

double largest_value(const std::vector<std::vector<double>>& values) {
  double largest = 0;
  for (const auto& row : values) {
    for (const double value : row) {
      if (value > largest) largest = value;
    }
  }
  return largest > 0 ? largest : 1;
}

void draw_bar(SvgCanvas& canvas,
              const Box& box,
              size_t series,
              const std::string& tooltip,
              const std::string& value) {
  canvas.rect(box, series_class(series) + R"( rx="2" fill="currentColor")", tooltip);
  canvas.text(box.left + box.width / 2, box.top - 5, value, TextStyle::small, Anchor::middle);
}

}  // namespace

std::string bar_chart_svg(const BarChart& chart) {
  RETMASK_CHECK(chart.values.size() == chart.series.size());
  const auto groups = static_cast<double>(chart.groups.size());
  const auto series = static_cast<double>(chart.series.size());
  double longest = 0;
  for (const std::string& group : chart.groups) longest = std::max(longest, text_width(group));
  const double group_width = std::max({longest + 14, 34 * series + 24, 84.0});
  const Box plot{kBarsLeft, kBarsTop, std::max(280.0, group_width * groups), kHeight};
  const double top = chart.y_max > 0 ? chart.y_max : largest_value(chart.values) * 1.08;
  const std::vector<double> ticks = nice_ticks(0, top, 5);
  const Scale y{0, ticks.back(), plot.bottom(), plot.top};

  const double width = std::max(plot.right() + 24, 32 + text_width(chart.title) * 1.3);
  const double legend = chart.series.size() > 1 ? legend_height(plot.width, chart.series) + 12 : 0;
  SvgCanvas canvas(width, plot.bottom() + 36 + legend, chart.title);
  draw_y_axis(canvas, plot, ticks, y, chart.y_label);
  canvas.line(plot.left, plot.bottom(), plot.right(), plot.bottom(), R"(class="rm-axis")");
  const double step = plot.width / groups;
  const double bar = std::min(64.0, (step - 24) / series);
  for (size_t g = 0; g < chart.groups.size(); ++g) {
    const double middle = plot.left + (static_cast<double>(g) + 0.5) * step;
    canvas.text(middle, plot.bottom() + 18, chart.groups[g], TextStyle::label, Anchor::middle);
    for (size_t s = 0; s < chart.series.size(); ++s) {
      const double value = chart.values[s][g];
      if (std::isnan(value)) continue;
      const Box box{middle - bar * series / 2 + bar * static_cast<double>(s) + kBarGap / 2,
                    y(value),
                    bar - kBarGap,
                    plot.bottom() - y(value)};
      const std::string number = format_number(value, 3);
      const std::string tooltip = chart.groups[g] + ", " + chart.series[s] + ": " + number;
      draw_bar(canvas, box, s, tooltip, number);
    }
  }
  if (chart.series.size() > 1) {
    const Box place{plot.left, plot.bottom() + 36, plot.width};
    draw_legend(canvas, place, chart.series, LegendKey::swatch);
  }
  return canvas.finish();
}

}  // namespace retmask
