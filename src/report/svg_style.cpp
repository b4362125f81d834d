#include <algorithm>
#include <array>
#include <cstdio>

#include "retmask/report/svg.h"
#include "svg_canvas.h"

namespace retmask {

// Series colours: after Okabe and Ito, which stay apart for every kind of colour blindness,
// darkened to 3:1 on white. Plain values rather than variables: drawing programs read no var().
// Print is always light.
const std::string_view kSvgStyle = R"css(
.rm-chart{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue","DejaVu Sans",sans-serif}
.rm-bg{fill:#fff}.rm-title,.rm-label{fill:#1b1f24}.rm-small{fill:#525c69}
.rm-title{font-size:15px;font-weight:600}.rm-label{font-size:12px}.rm-small{font-size:11.5px}
.rm-grid{stroke:#dfe3e8}.rm-axis{stroke:#8a94a3}.rm-level{stroke:#1b1f24;stroke-dasharray:2 3}
.rm-cell{stroke:#dfe3e8;stroke-width:.5}.rm-none{fill:none;stroke:#8a94a3;stroke-width:.8}
.rm-mark{fill:none;stroke:#1b1f24;stroke-width:1.8}
.rm-heat{fill:#083a80}.rm-on-heat{fill:#fff}
.rm-s0{color:#0072b2}.rm-s1{color:#d55e00}.rm-s2{color:#008f68}.rm-s3{color:#a0518a}.rm-s4{color:#8a6d00}.rm-s5{color:#6b7684}
@media screen and (prefers-color-scheme:dark){
.rm-bg{fill:#15181d}.rm-title,.rm-label{fill:#e8eaed}.rm-small{fill:#a9b3c0}
.rm-grid,.rm-cell{stroke:#2d333b}.rm-axis,.rm-none{stroke:#6b7684}.rm-level,.rm-mark{stroke:#fff}
.rm-heat{fill:#bcd8ff}.rm-on-heat,.rm-half-heat{fill:#0b1a2e}
.rm-s0{color:#56b4e9}.rm-s1{color:#f58f4a}.rm-s2{color:#2fc79a}.rm-s3{color:#e29cc6}.rm-s4{color:#e0c040}.rm-s5{color:#a9b3c0}}
)css";

namespace {

constexpr double kCharWidth = 6.9;  // approximate, of the 12 px label font
constexpr double kLegendRow = 20;
constexpr double kKeyWidth = 28;

// Top left corner of each legend entry.
std::vector<std::pair<double, double>> legend_places(double width,
                                                     const std::vector<std::string>& names) {
  std::vector<std::pair<double, double>> places;
  double x = 0;
  double y = 0;
  for (const std::string& name : names) {
    const double needed = kKeyWidth + 6 + text_width(name) + 16;
    if (x > 0 && x + needed > width) {
      x = 0;
      y += kLegendRow;
    }
    places.emplace_back(x, y);
    x += needed;
  }
  return places;
}

void draw_key(SvgCanvas& canvas, double x, double y, size_t series, LegendKey key) {
  canvas.begin_group(series_class(series));
  if (key == LegendKey::swatch) {
    canvas.rect({x + kKeyWidth - 16, y - 6, 12, 12}, R"(rx="2" fill="currentColor")");
  } else {
    if (key == LegendKey::line) {
      const std::string paint = R"(stroke="currentColor" stroke-width="1.8" )";
      canvas.line(x, y, x + kKeyWidth, y, paint + series_dash(series));
    }
    canvas.marker(series, x + kKeyWidth / 2, y, 3.6, R"(fill="currentColor")");
  }
  canvas.end_group();
}

}  // namespace

double legend_height(double width, const std::vector<std::string>& names) {
  return legend_places(width, names).back().second + kLegendRow;
}

void draw_legend(SvgCanvas& canvas,
                 const Box& place,
                 const std::vector<std::string>& names,
                 LegendKey key) {
  const auto places = legend_places(place.width, names);
  for (size_t i = 0; i < names.size(); ++i) {
    const double x = place.left + places[i].first;
    const double y = place.top + places[i].second;
    draw_key(canvas, x, y + 6, i, key);
    canvas.text(x + kKeyWidth + 6, y + 10.5, names[i], TextStyle::label);
  }
}

double text_width(std::string_view text) {
  // UTF-8 continuation bytes have no width.
  const auto characters = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  });
  return kCharWidth * static_cast<double>(characters);
}

std::string series_class(size_t series) {
  return "class=\"rm-s" + std::to_string(series % kSeriesStyles) + "\"";
}

std::string series_dash(size_t series) {
  constexpr std::array<std::string_view, kSeriesStyles> kDashes = {
      "", "7 3", "2 3", "10 3 2 3", "5 2 2 2 2 2", "1 2"};
  const std::string_view dash = kDashes[series % kSeriesStyles];
  return dash.empty() ? "" : "stroke-dasharray=\"" + std::string(dash) + "\"";
}

double heat_opacity(double share) {
  const double t = std::clamp(share, 0.0, 1.0);
  return t > 0 ? 0.04 + 0.96 * t : 0.0;
}

std::string heat_fill(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "fill-opacity=\"%.3g\"", heat_opacity(share));
  return text;
}

}  // namespace retmask
