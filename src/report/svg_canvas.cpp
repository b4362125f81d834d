#include "svg_canvas.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "retmask/base/error.h"
#include "retmask/report/text.h"

namespace retmask {

const std::string_view kSvgStyle =
    ".rm-bg{fill:#fff}.rm-title{fill:#1b1f24;font-size:15px;font-weight:600}.rm-label{fill:#1b1f24;"
    "font-size:12px}"
    ".rm-small{fill:#5b6572;font-size:11px}.rm-grid{stroke:#dfe3e8;stroke-width:1}.rm-axis{stroke:#"
    "8a94a3}"
    ".rm-cell{stroke:#dfe3e8;stroke-width:.5}.rm-mark{fill:none;stroke:#1b1f24;stroke-width:1.8}"
    "@media "
    "(prefers-color-scheme:dark){.rm-bg{fill:#15181d}.rm-title,.rm-label{fill:#e8eaed}.rm-small{"
    "fill:#9aa5b4}"
    ".rm-grid,.rm-cell{stroke:#2d333b}.rm-axis{stroke:#6b7684}.rm-mark{stroke:#fff}}";

namespace {

constexpr double kCharWidth = 6.9;  // approximate, of the 12 px label font
constexpr double kLegendRow = 20;
constexpr std::array<std::string_view, 6> kSeriesColours = {
    "#3b82f6", "#e8710a", "#12a37f", "#a855f7", "#e0245e", "#8a94a3"};

// Top left corner of each legend entry.
std::vector<std::pair<double, double>> legend_places(double width,
                                                     const std::vector<std::string>& names) {
  std::vector<std::pair<double, double>> places;
  double x = 0;
  double y = 0;
  for (const std::string& name : names) {
    const double needed = 18 + text_width(name) + 16;
    if (x > 0 && x + needed > width) {
      x = 0;
      y += kLegendRow;
    }
    places.emplace_back(x, y);
    x += needed;
  }
  return places;
}

std::string pixels(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  std::string trimmed = text;
  trimmed.erase(trimmed.find_last_not_of('0') + 1);
  if (trimmed.back() == '.') trimmed.pop_back();
  return trimmed;
}

std::string attribute(std::string_view name, double value) {
  return " " + std::string(name) + "=\"" + pixels(value) + "\"";
}

std::string_view class_of(TextStyle style) {
  switch (style) {
    case TextStyle::title:
      return "rm-title";
    case TextStyle::label:
      return "rm-label";
    case TextStyle::small:
      return "rm-small";
  }
  RETMASK_CHECK(false);
}

std::string_view name_of(Anchor anchor) {
  return anchor == Anchor::start ? "start" : anchor == Anchor::middle ? "middle" : "end";
}

std::string with_tooltip(std::string_view tag,
                         std::string_view attributes,
                         std::string_view tooltip) {
  std::string element = "<" + std::string(tag) + std::string(attributes);
  if (tooltip.empty()) return element + "/>\n";
  return element + "><title>" + escape_xml(tooltip) + "</title></" + std::string(tag) + ">\n";
}

}  // namespace

SvgCanvas::SvgCanvas(double width, double height, std::string_view title)
    : width_(width), height_(height), title_(title) {
  rect({0, 0, width, height}, R"(class="rm-bg")");
  text(16, 26, title, TextStyle::title);
}

void SvgCanvas::rect(const Box& box, std::string_view paint, std::string_view tooltip) {
  body_ += with_tooltip("rect",
                        attribute("x", box.left) + attribute("y", box.top) +
                            attribute("width", box.width) + attribute("height", box.height) + " " +
                            std::string(paint),
                        tooltip);
}

void SvgCanvas::line(double x1, double y1, double x2, double y2, std::string_view paint) {
  body_ += with_tooltip("line",
                        attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) +
                            attribute("y2", y2) + " " + std::string(paint),
                        {});
}

void SvgCanvas::circle(
    double x, double y, double radius, std::string_view paint, std::string_view tooltip) {
  body_ += with_tooltip(
      "circle",
      attribute("cx", x) + attribute("cy", y) + attribute("r", radius) + " " + std::string(paint),
      tooltip);
}

void SvgCanvas::polyline(const std::vector<std::pair<double, double>>& points,
                         std::string_view colour) {
  std::string list;
  for (const auto& [x, y] : points) list += pixels(x) + "," + pixels(y) + " ";
  body_ += "<polyline points=\"" + list +
           "\" fill=\"none\" stroke-width=\"1.8\" stroke-linejoin=\"round\" stroke=\"" +
           std::string(colour) + "\"/>\n";
}

void SvgCanvas::text(double x, double y, std::string_view text, TextStyle style, Anchor anchor) {
  body_ += "<text" + attribute("x", x) + attribute("y", y) + " class=\"" +
           std::string(class_of(style)) + "\" text-anchor=\"" + std::string(name_of(anchor)) +
           "\">" + escape_xml(text) + "</text>\n";
}

void SvgCanvas::vertical_text(double x, double y, std::string_view text) {
  body_ += "<text class=\"rm-small\" text-anchor=\"middle\" transform=\"translate(" + pixels(x) +
           " " + pixels(y) + ") rotate(-90)\">" + escape_xml(text) + "</text>\n";
}

std::string SvgCanvas::finish() const {
  const std::string size = pixels(width_) + " " + pixels(height_);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + size + "\"" +
         attribute("width", width_) + attribute("height", height_) +
         " role=\"img\" font-family=\"system-ui,-apple-system,'Segoe UI',Roboto," +
         "'Helvetica Neue','DejaVu Sans',sans-serif\">\n<title>" + escape_xml(title_) +
         "</title>\n<style>" + std::string(kSvgStyle) + "</style>\n" + body_ + "</svg>\n";
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

double legend_height(double width, const std::vector<std::string>& names) {
  return legend_places(width, names).back().second + kLegendRow;
}

void draw_legend(SvgCanvas& canvas,
                 double left,
                 double top,
                 double width,
                 const std::vector<std::string>& names) {
  const auto places = legend_places(width, names);
  for (size_t i = 0; i < names.size(); ++i) {
    const double x = left + places[i].first;
    const double y = top + places[i].second;
    canvas.rect({x, y, 12, 12}, "rx=\"2\" fill=\"" + std::string(series_colour(i)) + "\"");
    canvas.text(x + 18, y + 10.5, names[i], TextStyle::label);
  }
}

double text_width(std::string_view text) {
  // UTF-8 continuation bytes have no width.
  const auto characters = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  });
  return kCharWidth * static_cast<double>(characters);
}

std::string_view series_colour(size_t index) {
  return kSeriesColours[index % kSeriesColours.size()];
}

// From amber to crimson with rising opacity, so that zero is the page background, light or dark.
std::string heat_fill(double share) {
  const double t = std::clamp(share, 0.0, 1.0);
  const auto mix = [t](double low, double high) {
    return static_cast<int>(std::lround(low + t * (high - low)));
  };
  char text[64];
  std::snprintf(text,
                sizeof text,
                "fill=\"rgb(%d,%d,%d)\" fill-opacity=\"%.3f\"",
                mix(245, 214),
                mix(165, 20),
                mix(36, 80),
                t > 0 ? 0.05 + 0.95 * t : 0.0);
  return text;
}

}  // namespace retmask
