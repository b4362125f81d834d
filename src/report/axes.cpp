#include <algorithm>
#include <cmath>
#include <cstdint>

#include "retmask/report/text.h"
#include "svg_canvas.h"

namespace retmask {

double Scale::operator()(double value) const {
  const auto at = [this](double v) { return log ? std::log(v) : v; };
  return start + (at(value) - at(from)) / (at(to) - at(from)) * (end - start);
}

std::vector<double> nice_ticks(double from, double to, int count) {
  if (!(to > from)) to = from + 1;
  const double raw = (to - from) / count;
  const double magnitude = std::pow(10, std::floor(std::log10(raw)));
  double step = 10 * magnitude;
  for (const double factor : {1.0, 2.0, 2.5, 5.0}) {
    if (factor * magnitude >= raw * (1 - 1e-9)) {
      step = factor * magnitude;
      break;
    }
  }
  const auto first = static_cast<int64_t>(std::floor(from / step + 1e-9));
  const auto last = static_cast<int64_t>(std::ceil(to / step - 1e-9));
  std::vector<double> ticks;
  for (int64_t i = first; i <= last; ++i) ticks.push_back(static_cast<double>(i) * step);
  return ticks;
}

std::vector<double> log_ticks(double from, double to) {
  std::vector<double> ticks;
  for (double decade = std::pow(10, std::floor(std::log10(from))); decade <= to; decade *= 10) {
    for (const double factor : {1.0, 2.0, 5.0}) {
      const double tick = decade * factor;
      if (tick >= from && tick <= to) ticks.push_back(tick);
    }
  }
  return ticks;
}

void Range::add(double value) {
  if (!std::isfinite(value)) return;
  low = std::min(low, value);
  high = std::max(high, value);
}

Range Range::widened() const {
  if (low != high) return *this;
  const double room = low != 0 ? std::abs(low) / 2 : 1;
  return {low - room, high + room};
}

void draw_y_axis(SvgCanvas& canvas,
                 const Box& plot,
                 const std::vector<double>& ticks,
                 const Scale& y,
                 std::string_view label) {
  for (const double tick : ticks) {
    canvas.line(plot.left, y(tick), plot.right(), y(tick), R"(class="rm-grid")");
    canvas.text(plot.left - 8, y(tick) + 4, format_number(tick), TextStyle::small, Anchor::end);
  }
  canvas.vertical_text(18, plot.top + plot.height / 2, label);
}

void draw_x_axis(SvgCanvas& canvas,
                 const Box& plot,
                 const std::vector<double>& ticks,
                 const Scale& x,
                 std::string_view label,
                 const std::vector<std::string>& names) {
  const double bottom = plot.bottom();
  canvas.line(plot.left, bottom, plot.right(), bottom, R"(class="rm-axis")");
  for (size_t i = 0; i < ticks.size(); ++i) {
    const double tick = ticks[i];
    if (tick < x.from || tick > x.to) continue;
    canvas.line(x(tick), bottom, x(tick), bottom + 4, R"(class="rm-axis")");
    const std::string name = names.empty() ? format_number(tick) : names[i];
    canvas.text(x(tick), bottom + 17, name, TextStyle::small, Anchor::middle);
  }
  canvas.text(plot.left + plot.width / 2, bottom + 36, label, TextStyle::small, Anchor::middle);
}

}  // namespace retmask
