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

void draw_value_axis(SvgCanvas& canvas,
                     const Box& plot,
                     const std::vector<double>& ticks,
                     const Scale& y,
                     const std::string& label) {
  for (const double tick : ticks) {
    canvas.line(plot.left, y(tick), plot.right(), y(tick), R"(class="rm-grid")");
    canvas.text(plot.left - 8, y(tick) + 4, format_number(tick), TextStyle::small, Anchor::end);
  }
  canvas.line(plot.left, plot.bottom(), plot.right(), plot.bottom(), R"(class="rm-axis")");
  canvas.vertical_text(18, plot.top + plot.height / 2, label);
}

void draw_bar(SvgCanvas& canvas,
              const Box& box,
              std::string_view colour,
              const std::string& tooltip,
              const std::string& value) {
  canvas.rect(box, "rx=\"2\" fill=\"" + std::string(colour) + "\"", tooltip);
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
  draw_value_axis(canvas, plot, ticks, y, chart.y_label);
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
      draw_bar(canvas, box, series_colour(s), tooltip, number);
    }
  }
  if (chart.series.size() > 1)
    draw_legend(canvas, plot.left, plot.bottom() + 36, plot.width, chart.series);
  return canvas.finish();
}

std::string histogram_svg(const Histogram& histogram) {
  RETMASK_CHECK(!histogram.values.empty() && histogram.bins > 0);
  const auto [low, high] = std::minmax_element(histogram.values.begin(), histogram.values.end());
  const std::vector<double> x_ticks = nice_ticks(*low, *high, 8);
  const double from = x_ticks.front();
  const double to = x_ticks.back();
  std::vector<double> counts(static_cast<size_t>(histogram.bins), 0.0);
  for (const double value : histogram.values) {
    const auto bin =
        static_cast<size_t>((value - from) / (to - from) * static_cast<double>(counts.size()));
    counts[std::min(bin, counts.size() - 1)] += 1;
  }

  const Box plot{kBarsLeft, kBarsTop, 464, kHeight};
  const double most = *std::max_element(counts.begin(), counts.end());
  const auto height = [](double count) { return std::log10(1 + count); };
  const Scale y{0, height(most) * 1.06, plot.bottom(), plot.top};
  const Scale x{from, to, plot.left, plot.right()};

  SvgCanvas canvas(plot.right() + 24, plot.bottom() + 50, histogram.title);
  for (double tick = 1; tick <= most; tick *= 10) {
    canvas.line(plot.left, y(height(tick)), plot.right(), y(height(tick)), R"(class="rm-grid")");
    canvas.text(
        plot.left - 8, y(height(tick)) + 4, format_number(tick, 9), TextStyle::small, Anchor::end);
  }
  canvas.line(plot.left, plot.bottom(), plot.right(), plot.bottom(), R"(class="rm-axis")");
  canvas.vertical_text(18, plot.top + plot.height / 2, histogram.y_label + " (log scale)");
  const double width = plot.width / static_cast<double>(counts.size());
  const double span = (to - from) / static_cast<double>(counts.size());
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] == 0) continue;
    const double top = y(height(counts[i]));
    const double start = from + span * static_cast<double>(i);
    draw_bar(canvas,
             {plot.left + width * static_cast<double>(i) + 1, top, width - 2, plot.bottom() - top},
             series_colour(0),
             format_number(start) + " to " + format_number(start + span) + ": " +
                 format_number(counts[i], 9),
             format_number(counts[i], 9));
  }
  for (const double tick : x_ticks) {
    canvas.text(x(tick), plot.bottom() + 17, format_number(tick), TextStyle::small, Anchor::middle);
  }
  canvas.text(plot.left + plot.width / 2,
              plot.bottom() + 36,
              histogram.x_label,
              TextStyle::small,
              Anchor::middle);
  return canvas.finish();
}

}  // namespace retmask
