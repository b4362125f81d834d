#pragma once
// The drawing surface of the charts: elements in one style, axes, legends and colours.

#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace retmask {

// Markers, dashes and colours of series; they repeat after as many.
constexpr size_t kSeriesStyles = 6;

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
  void polyline(const std::vector<std::pair<double, double>>& points, std::string_view paint);
  void polygon(const std::vector<std::pair<double, double>>& points, std::string_view paint);
  // The symbol of a series, `radius` pixels in size.
  void marker(size_t series,
              double x,
              double y,
              double radius,
              std::string_view paint,
              std::string_view tooltip = {});
  // y is the baseline. `colour`: a class other than that of the style.
  void text(double x,
            double y,
            std::string_view text,
            TextStyle style,
            Anchor anchor = Anchor::start,
            std::string_view colour = {});
  void vertical_text(double x, double y, std::string_view text);
  // Elements until end_group() inherit the attributes.
  void begin_group(std::string_view attributes);
  void end_group();

  // A chart as an inner <svg> element.
  void drawing(std::string_view inner);

  double width() const { return width_; }
  std::string finish() const;

 private:
  void shape(std::string_view tag,
             std::string_view attributes,
             std::string_view paint,
             std::string_view tooltip);

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
  bool log = false;  // from > 0

  double operator()(double value) const;
};

// About `count` round numbers that cover [from, to]; the first is <= from and the last >= to.
std::vector<double> nice_ticks(double from, double to, int count);
// 1, 2, 5, 10, 20... within [from, to], from > 0.
std::vector<double> log_ticks(double from, double to);

// Range of the values added; NaN and infinite ones are ignored.
struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void add(double value);
  bool empty() const { return low > high; }
  // With room around a single value.
  Range widened() const;
};

// Grid lines with numbers at the left of `plot`, and the axis' name.
void draw_y_axis(SvgCanvas& canvas,
                 const Box& plot,
                 const std::vector<double>& ticks,
                 const Scale& y,
                 std::string_view label);
// Ticks below `plot` with their numbers, or `names` if there are any, those within the scale's
// range, and the axis' name.
void draw_x_axis(SvgCanvas& canvas,
                 const Box& plot,
                 const std::vector<double>& ticks,
                 const Scale& x,
                 std::string_view label,
                 const std::vector<std::string>& names = {});
constexpr double kXAxisHeight = 50;

// How a legend shows a series.
enum class LegendKey { swatch, line, marker };

// Names with their keys, left to right and wrapped to `width`.
double legend_height(double width, const std::vector<std::string>& names);
void draw_legend(SvgCanvas& canvas,
                 const Box& place,  // its height is ignored
                 const std::vector<std::string>& names,
                 LegendKey key);

// Approximate width of a text in the label style.
double text_width(std::string_view text);

// class="..." that sets the colour of a series, for use as currentColor.
std::string series_class(size_t series);
// stroke-dasharray="..." of a series; empty for the first.
std::string series_dash(size_t series);

// Opacity of the heat colour (class rm-heat) for a share in [0, 1]. The colour differs from the
// page in lightness, by equal steps; zero is the page itself.
double heat_opacity(double share);
// fill-opacity="..."
std::string heat_fill(double share);

// Colours of marks, grid and text; the charts' only style sheet.
extern const std::string_view kSvgStyle;

}  // namespace retmask
