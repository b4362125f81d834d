#include <algorithm>

#include "helmet_scores.h"
#include "retmask/report/svg.h"

namespace retmask {
namespace {

LineChart panel_of(const std::vector<HelmetRun>& runs,
                   const std::string& column,
                   const std::vector<int64_t>& lengths) {
  LineChart chart{.title = column,
                  .x_label = "context length in tokens",
                  .y_label = "score in %",
                  .series = {},
                  .log_x = true};
  for (const int64_t length : lengths)
    chart.x_ticks.emplace_back(static_cast<double>(length), helmet_length_text(length));
  for (const HelmetRun& run : runs) {
    Series series{.name = run.name.empty() ? column : run.name, .points = {}};
    for (const int64_t length : lengths) {
      const HelmetScore score = helmet_score(run, column, length);
      if (score.value) series.points.emplace_back(static_cast<double>(length), *score.value);
    }
    chart.series.push_back(std::move(series));
  }
  return chart;
}

}  // namespace

std::string helmet_figure_svg(const std::vector<HelmetRun>& runs) {
  constexpr size_t kPanelsInARow = 2;
  const std::vector<int64_t> lengths = helmet_lengths(runs);
  std::vector<std::string> panels;
  for (const std::string& column : helmet_columns()) {
    const LineChart chart = panel_of(runs, column, lengths);
    const bool has_line = std::ranges::any_of(
        chart.series, [](const Series& series) { return series.points.size() > 1; });
    if (has_line) panels.push_back(line_chart_svg(chart));
  }
  if (panels.empty()) return "";
  return panels_svg("HELMET: score over context length", panels, kPanelsInARow);
}

}  // namespace retmask
