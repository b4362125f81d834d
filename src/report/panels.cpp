#include <algorithm>
#include <charconv>

#include "retmask/base/error.h"
#include "retmask/report/svg.h"
#include "retmask/report/text.h"
#include "svg_canvas.h"

namespace retmask {
namespace {

constexpr double kTitleHeight = 40;

// A number attribute in the chart's start tag.
double number_in_tag(std::string_view chart, std::string_view name) {
  const std::string start = " " + std::string(name) + "=\"";
  const size_t at = chart.substr(0, chart.find('>')).find(start);
  RETMASK_CHECK(at != std::string_view::npos, name);
  const char* begin = chart.data() + at + start.size();
  double value = 0;
  const auto [end, error] = std::from_chars(begin, chart.data() + chart.size(), value);
  RETMASK_CHECK(error == std::errc(), name);
  return value;
}

// Without the class of a chart, whose style is the outer one's.
std::string nested(std::string_view chart, double x, double y) {
  return "<svg x=\"" + format_number(x, 8) + "\" y=\"" + format_number(y, 8) + "\" width=\"" +
         format_number(number_in_tag(chart, "width"), 8) + "\" height=\"" +
         format_number(number_in_tag(chart, "height"), 8) + "\"" +
         std::string(chart.substr(chart.find('>')));
}

}  // namespace

std::string panels_svg(std::string_view title,
                       const std::vector<std::string>& charts,
                       size_t columns) {
  RETMASK_CHECK(!charts.empty() && columns > 0);
  double width = 0;
  double height = 0;
  for (const std::string& chart : charts) {
    width = std::max(width, number_in_tag(chart, "width"));
    height = std::max(height, number_in_tag(chart, "height"));
  }
  const size_t rows = (charts.size() + columns - 1) / columns;
  const auto count = static_cast<double>(std::min(columns, charts.size()));
  SvgCanvas canvas(width * count, kTitleHeight + height * static_cast<double>(rows), title);
  for (size_t i = 0; i < charts.size(); ++i) {
    canvas.drawing(nested(charts[i],
                          width * static_cast<double>(i % columns),
                          kTitleHeight + height * static_cast<double>(i / columns)));
  }
  return canvas.finish();
}

}  // namespace retmask
