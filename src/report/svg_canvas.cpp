#include "svg_canvas.h"

#include <array>
#include <cstdio>

#include "retmask/base/error.h"
#include "retmask/report/svg.h"

namespace retmask {
namespace {

// Two decimals: a hundredth of a pixel is not visible, and a page has thousands of numbers.
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

using Points = std::vector<std::pair<double, double>>;

std::string points_attribute(const Points& points) {
  std::string list;
  for (const auto& [x, y] : points) list += (list.empty() ? "" : " ") + pixels(x) + "," + pixels(y);
  return " points=\"" + list + "\"";
}

// Corners of the symbols other than the circle, in units of the radius.
const Points& corners_of(size_t series) {
  static const std::array<Points, kSeriesStyles - 1> kCorners = {
      {{{-.9, -.9}, {.9, -.9}, {.9, .9}, {-.9, .9}},
       {{0, -1.2}, {1.1, .8}, {-1.1, .8}},
       {{0, -1.3}, {1.3, 0}, {0, 1.3}, {-1.3, 0}},
       {{0, 1.2}, {1.1, -.8}, {-1.1, -.8}},
       {{-1.1, -.4}, {1.1, -.4}, {1.1, .4}, {-1.1, .4}}}};
  return kCorners[series % kSeriesStyles - 1];
}

}  // namespace

SvgCanvas::SvgCanvas(double width, double height, std::string_view title)
    : width_(width), height_(height), title_(title) {
  rect({0, 0, width, height}, R"(class="rm-bg")");
  text(16, 26, title, TextStyle::title);
}

void SvgCanvas::shape(std::string_view tag,
                      std::string_view attributes,
                      std::string_view paint,
                      std::string_view tooltip) {
  body_ += "<" + std::string(tag) + std::string(attributes);
  if (!paint.empty()) body_ += " " + std::string(paint);
  if (tooltip.empty()) {
    body_ += "/>\n";
  } else {
    body_ += "><title>" + escape_xml(tooltip) + "</title></" + std::string(tag) + ">\n";
  }
}

void SvgCanvas::rect(const Box& box, std::string_view paint, std::string_view tooltip) {
  shape("rect",
        attribute("x", box.left) + attribute("y", box.top) + attribute("width", box.width) +
            attribute("height", box.height),
        paint,
        tooltip);
}

void SvgCanvas::line(double x1, double y1, double x2, double y2, std::string_view paint) {
  shape("line",
        attribute("x1", x1) + attribute("y1", y1) + attribute("x2", x2) + attribute("y2", y2),
        paint,
        {});
}

void SvgCanvas::polyline(const Points& points, std::string_view paint) {
  shape("polyline", points_attribute(points), "fill=\"none\" " + std::string(paint), {});
}

void SvgCanvas::polygon(const Points& points, std::string_view paint) {
  shape("polygon", points_attribute(points), paint, {});
}

void SvgCanvas::marker(size_t series,
                       double x,
                       double y,
                       double radius,
                       std::string_view paint,
                       std::string_view tooltip) {
  if (series % kSeriesStyles == 0) {
    const std::string place = attribute("cx", x) + attribute("cy", y) + attribute("r", radius);
    shape("circle", place, paint, tooltip);
    return;
  }
  Points corners = corners_of(series);
  for (auto& [dx, dy] : corners) {
    dx = x + dx * radius;
    dy = y + dy * radius;
  }
  shape("polygon", points_attribute(corners), paint, tooltip);
}

void SvgCanvas::text(double x,
                     double y,
                     std::string_view text,
                     TextStyle style,
                     Anchor anchor,
                     std::string_view colour) {
  std::string classes(class_of(style));
  if (!colour.empty()) classes += " " + std::string(colour);
  body_ += "<text" + attribute("x", x) + attribute("y", y) + " class=\"" + classes + "\"";
  if (anchor != Anchor::start) body_ += " text-anchor=\"" + std::string(name_of(anchor)) + "\"";
  body_ += ">" + escape_xml(text) + "</text>\n";
}

void SvgCanvas::vertical_text(double x, double y, std::string_view text) {
  body_ += "<text class=\"rm-small\" text-anchor=\"middle\" transform=\"translate(" + pixels(x) +
           " " + pixels(y) + ") rotate(-90)\">" + escape_xml(text) + "</text>\n";
}

void SvgCanvas::begin_group(std::string_view attributes) {
  body_ += "<g " + std::string(attributes) + ">\n";
}

void SvgCanvas::drawing(std::string_view inner) { body_ += inner; }

void SvgCanvas::end_group() { body_ += "</g>\n"; }

// The title is a label and not a <title>, which would hide the tooltips of the values.
std::string SvgCanvas::finish() const {
  return "<svg viewBox=\"0 0 " + pixels(width_) + " " + pixels(height_) + "\"" +
         attribute("width", width_) + attribute("height", height_) +
         " class=\"rm-chart\" role=\"img\" aria-label=\"" + escape_xml(title_) + "\">\n" + body_ +
         "</svg>\n";
}

std::string svg_file(std::string_view chart) {
  constexpr std::string_view kStart = "<svg ";
  const size_t content = chart.find('>') + 1;
  RETMASK_CHECK(chart.starts_with(kStart) && content != 0);
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" " +
         std::string(chart.substr(kStart.size(), content - kStart.size())) + "\n<style>" +
         std::string(kSvgStyle) + "</style>" + std::string(chart.substr(content));
}

}  // namespace retmask
