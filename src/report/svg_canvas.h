#pragma once
// The drawing surface of the charts: elements in one style, and axes.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retmask {

struct Box {
  double left = 0;
  double top = 0;
  double width = 0;
  double height = 0;

  double right() const { return left + width; }
  double bottom() const { return top + height; }
};

enum class TextStyle { title, label, small };
enum class Anchor { start, middle, end };

class SvgCanvas {
 public:
  SvgCanvas(double width, double height, std::string_view title);

  // `paint` holds the element's own attributes (fill="..."); an empty tooltip is omitted.
  void rect(const Box& box, std::string_view paint, std::string_view tooltip = {});
  void line(double x1, double y1, double x2, double y2, std::string_view paint);
  void circle(double x, double y, double radius, std::string_view paint, std::string_view tooltip);
  void polyline(const std::vector<std::pair<double, double>>& points, std::string_view colour);
  // y is the baseline.
  void text(
      double x, double y, std::string_view text, TextStyle style, Anchor anchor = Anchor::start);
  void vertical_text(double x, double y, std::string_view text);
  // `element` must be well-formed.
  void raw(std::string_view element) { body_ += element; }

  double width() const { return width_; }
  std::string finish() const;

 private:
  double width_;
  double height_;
  std::string title_;
  std::string body_;
};

// Maps the values of an axis to pixels.
struct Scale {
  double from = 0;  // value range
  double to = 1;
  double start = 0;  // pixels
  double end = 1;

  double operator()(double value) const {
    return start + (value - from) / (to - from) * (end - start);
  }
};

// About `count` round numbers that cover [from, to]; the first is <= from and the last >= to.
std::vector<double> nice_ticks(double from, double to, int count);

// Names with a coloured square each, left to right and wrapped to `width`.
double legend_height(double width, const std::vector<std::string>& names);
void draw_legend(SvgCanvas& canvas,
                 double left,
                 double top,
                 double width,
                 const std::vector<std::string>& names);

// Approximate width of a text in the label style.
double text_width(std::string_view text);

// Colours that are readable on white and on black.
std::string_view series_colour(size_t index);
// fill="..." for a share in [0, 1], from faint to strong.
std::string heat_fill(double share);

// Colours of marks, grid and text; the chart's only style sheet.
extern const std::string_view kSvgStyle;

}  // namespace retmask
