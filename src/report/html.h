#pragma once
// Reports as a single HTML file that opens from disk: no external resources (a content security
// policy forbids them), light and dark mode, print. A small script shows the tooltips of charts and
// marked texts under the pointer, a finger or the arrow keys; without it browsers show them as
// titles.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "retmask/report/table.h"

namespace retmask {

// A chart and the stem of its file's name.
struct Picture {
  std::string name;
  std::string svg;  // of a function in report/svg.h
};

// A piece of a text; a note (the tooltip) marks it.
struct TextPiece {
  std::string text;
  std::string note = {};
};

// Part of a page. All text is escaped here; only pictures are ready-made markup.
class HtmlFragment {
 public:
  void heading(std::string_view text);
  void subheading(std::string_view text);
  void paragraph(std::string_view text);
  void preformatted(std::string_view text);
  // A quotation; `label` says what it is.
  void marked_text(std::string_view label, const std::vector<TextPiece>& pieces);
  void table(const Table& table);
  // Consecutive figures are placed side by side if there is room.
  void figure(const Picture& picture, std::string_view caption = {});
  void append(const HtmlFragment& other);
  // Collapsed by default.
  void details(std::string_view summary, const HtmlFragment& inside);

  const std::string& markup() const { return markup_; }
  const std::vector<Picture>& pictures() const { return pictures_; }

 private:
  std::string markup_;
  std::vector<Picture> pictures_;
};

std::string html_page(std::string_view title, const HtmlFragment& body);

// Writes <dir>/report.html and each picture as <dir>/<name>.svg; the second picture of a name gets
// the name with "-2". Returns the page's path. Throws UserError when a file cannot be written.
std::filesystem::path write_page(const std::filesystem::path& dir,
                                 std::string_view title,
                                 const HtmlFragment& body);

}  // namespace retmask
