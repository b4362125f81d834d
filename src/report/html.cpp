#include "html.h"

#include <algorithm>
#include <map>

#include "page_parts.h"
#include "retmask/base/file.h"
#include "retmask/report/svg.h"
#include "retmask/report/text.h"
#include "svg_canvas.h"

namespace retmask {
namespace {

std::string element(std::string_view tag, std::string_view text) {
  const std::string name(tag);
  return "<" + name + ">" + escape_xml(text) + "</" + name + ">\n";
}

std::string cell(std::string_view tag,
                 std::string_view text,
                 bool is_number,
                 bool is_strong = false) {
  const std::string name(tag);
  const std::string content = escape_xml(text);
  return "<" + name + (is_number ? " class=\"number\">" : ">") +
         (is_strong ? "<strong>" + content + "</strong>" : content) + "</" + name + ">";
}

}  // namespace

void HtmlFragment::heading(std::string_view text) { markup_ += element("h2", text); }
void HtmlFragment::subheading(std::string_view text) { markup_ += element("h3", text); }
void HtmlFragment::paragraph(std::string_view text) { markup_ += element("p", text); }
void HtmlFragment::preformatted(std::string_view text) { markup_ += element("pre", text); }

void HtmlFragment::table(const Table& table) {
  markup_ += "<div class=\"table\"><table>\n";
  if (!table.columns.empty()) {
    markup_ += "<thead><tr>";
    for (size_t i = 0; i < table.columns.size(); ++i)
      markup_ += cell("th", table.columns[i], table.is_numeric(i));
    markup_ += "</tr></thead>\n";
  }
  markup_ += "<tbody>\n";
  std::vector<bool> numeric;
  for (size_t i = 0; !table.rows.empty() && i < table.rows.front().size(); ++i)
    numeric.push_back(table.is_numeric(i));
  for (size_t row = 0; row < table.rows.size(); ++row) {
    markup_ += "<tr>";
    for (size_t i = 0; i < table.rows[row].size(); ++i)
      markup_ += cell("td", table.rows[row][i], numeric[i], table.strong.contains({row, i}));
    markup_ += "</tr>\n";
  }
  markup_ += "</tbody></table></div>\n";
}

void HtmlFragment::marked_text(std::string_view label, const std::vector<TextPiece>& pieces) {
  markup_ += "<blockquote><b>" + escape_xml(label) + "</b>";
  for (const TextPiece& piece : pieces) {
    // Tokens begin with their space, which is not worth a mark.
    const std::string_view text = piece.text;
    const size_t word = std::min(text.find_first_not_of(" \n"), text.size());
    if (piece.note.empty() || word == text.size()) {
      markup_ += escape_xml(text);
    } else {
      markup_ += escape_xml(text.substr(0, word)) + "<mark title=\"" + escape_xml(piece.note) +
                 "\">" + escape_xml(text.substr(word)) + "</mark>";
    }
  }
  markup_ += "</blockquote>\n";
}

void HtmlFragment::figure(const Picture& picture, std::string_view caption) {
  markup_ += "<figure>\n" + picture.svg;
  if (!caption.empty()) markup_ += element("figcaption", caption);
  markup_ += "</figure>\n";
  pictures_.push_back(picture);
}

void HtmlFragment::append(const HtmlFragment& other) {
  markup_ += other.markup_;
  pictures_.insert(pictures_.end(), other.pictures_.begin(), other.pictures_.end());
}

void HtmlFragment::details(std::string_view summary, const HtmlFragment& inside) {
  markup_ += "<details>" + element("summary", summary);
  append(inside);
  markup_ += "</details>\n";
}

std::string html_page(std::string_view title, const HtmlFragment& body) {
  return "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
         "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
         "style-src 'unsafe-inline'; script-src 'unsafe-inline'\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n" +
         element("title", title) + "<style>" + std::string(kPageStyle) + std::string(kSvgStyle) +
         "</style>\n</head>\n<body>\n<main>\n" + element("h1", title) + body.markup() +
         "</main>\n<script>//<![CDATA[\n" + std::string(kPageScript) +
         "//]]></script>\n</body>\n</html>\n";
}

std::filesystem::path write_page(const std::filesystem::path& dir,
                                 std::string_view title,
                                 const HtmlFragment& body) {
  std::map<std::string, int> uses;
  for (const Picture& picture : body.pictures()) {
    const int use = ++uses[picture.name];
    const std::string suffix = use > 1 ? "-" + std::to_string(use) : "";
    write_file_atomic(dir / (picture.name + suffix + ".svg"), svg_file(picture.svg));
  }
  const std::filesystem::path page = dir / "report.html";
  write_file_atomic(page, html_page(title, body));
  return page;
}

}  // namespace retmask
