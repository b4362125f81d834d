#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/report/svg.h"
#include "svg_canvas.h"

namespace retmask {
namespace {

constexpr double kGridLeft = 90;
constexpr double kGridTop = 48;
constexpr double kGridBottom = 52;
constexpr double kCellHeight = 28;
constexpr double kMostOpacity = 0.85;  // of a cell where all answers are right

// Dark text on light heat: from the middle of the scale on a dark page, to two thirds on a light
// one.
std::string_view text_colour(double opacity) {
  return opacity > 0.68 ? "rm-on-heat" : opacity > 0.42 ? "rm-half-heat" : "";
}

void draw_cell(
    SvgCanvas& canvas, const SuccessGrid& grid, size_t row, size_t column, const Box& box) {
  const int64_t success = grid.successes[row][column];
  const int64_t total = grid.totals[row][column];
  const std::string counts = std::to_string(success) + "/" + std::to_string(total);
  const std::string place = "length " + grid.lengths[column] + ", depth " + grid.depths[row] + ": ";
  if (total == 0) {
    canvas.rect(box, R"(class="rm-none")", place + "no samples");
    return;
  }
  const double share = static_cast<double>(success) / static_cast<double>(total);
  const double opacity = kMostOpacity * share;
  const std::string paint =
      "class=\"rm-cell rm-heat\" fill-opacity=\"" + format_number(opacity, 3) + "\"";
  canvas.rect(box, paint, place + counts + " right");
  canvas.text(box.left + box.width / 2,
              box.top + box.height / 2 + 4,
              counts,
              TextStyle::label,
              Anchor::middle,
              text_colour(opacity));
}

}  // namespace

std::string success_grid_svg(const SuccessGrid& grid) {
  const size_t rows = grid.depths.size();
  const size_t columns = grid.lengths.size();
  RETMASK_CHECK(rows > 0 && columns > 0 && grid.successes.size() == rows &&
                grid.totals.size() == rows);
  const double cell_width = std::clamp(560.0 / static_cast<double>(columns), 44.0, 110.0);
  const Box plot{kGridLeft,
                 kGridTop,
                 cell_width * static_cast<double>(columns),
                 kCellHeight * static_cast<double>(rows)};

  SvgCanvas canvas(std::max(plot.right() + 24, 32 + text_width(grid.title) * 1.3),
                   plot.bottom() + kGridBottom,
                   grid.title);
  for (size_t row = 0; row < rows; ++row) {
    const double y = plot.top + static_cast<double>(row) * kCellHeight;
    canvas.text(
        plot.left - 8, y + kCellHeight / 2 + 4, grid.depths[row], TextStyle::small, Anchor::end);
    for (size_t column = 0; column < columns; ++column) {
      const double x = plot.left + static_cast<double>(column) * cell_width;
      draw_cell(canvas, grid, row, column, {x, y, cell_width, kCellHeight});
    }
  }
  for (size_t column = 0; column < columns; ++column) {
    canvas.text(plot.left + (static_cast<double>(column) + 0.5) * cell_width,
                plot.bottom() + 16,
                grid.lengths[column],
                TextStyle::small,
                Anchor::middle);
  }
  canvas.text(plot.left + plot.width / 2,
              plot.bottom() + 36,
              "context length in tokens",
              TextStyle::small,
              Anchor::middle);
  canvas.vertical_text(20, plot.top + plot.height / 2, "needle depth");
  return canvas.finish();
}

}  // namespace retmask
