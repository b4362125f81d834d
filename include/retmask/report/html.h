#pragma once
// Reports as a single HTML file that opens from disk: no scripts, no external resources, light and
// dark mode.

#include <string>
#include <string_view>

#include "retmask/report/table.h"

namespace retmask {

// Part of a page. All text is escaped here; only figures take ready-made markup.
class HtmlFragment {
 public:
  void heading(std::string_view text);
  void subheading(std::string_view text);
  void paragraph(std::string_view text);
  void preformatted(std::string_view text);
  void table(const Table& table);
  // `svg` comes from report/svg.h. Consecutive figures are placed side by side if there is room.
  void figure(std::string_view svg, std::string_view caption = {});
  void append(const HtmlFragment& other) { markup_ += other.markup_; }
  // Collapsed by default.
  void details(std::string_view summary, const HtmlFragment& inside);

  const std::string& markup() const { return markup_; }

 private:
  std::string markup_;
};

std::string html_page(std::string_view title, const HtmlFragment& body);

}  // namespace retmask
