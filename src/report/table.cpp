#include "retmask/report/table.h"

#include <algorithm>
#include <cctype>

#include "retmask/base/error.h"

namespace retmask {
namespace {

// Code points, which is what a terminal shows for the texts we print.
size_t display_width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

// A list of numbers reads as text.
bool starts_as_number(const std::string& text) {
  if (text.find(',') != std::string::npos) return false;
  const size_t sign = text.starts_with('-') || text.starts_with('+') ? 1 : 0;
  return text.size() > sign && std::isdigit(static_cast<unsigned char>(text[sign])) != 0;
}

std::string padded(const std::string& text, size_t width, bool right) {
  const std::string room(width - display_width(text), ' ');
  return right ? room + text : text + room;
}

}  // namespace

bool Table::is_numeric(size_t column) const {
  bool any = false;
  for (const auto& row : rows) {
    if (row[column].empty()) continue;
    if (!starts_as_number(row[column])) return false;
    any = true;
  }
  return any;
}

std::string to_text(const Table& table) {
  const size_t count = table.columns.empty() ? (table.rows.empty() ? 0 : table.rows.front().size())
                                             : table.columns.size();
  std::vector<size_t> widths(count, 0);
  for (size_t i = 0; i < table.columns.size(); ++i) widths[i] = display_width(table.columns[i]);
  for (const auto& row : table.rows) {
    RETMASK_CHECK(row.size() == count, "a row has ", row.size(), " cells of ", count);
    for (size_t i = 0; i < count; ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string text;
  const auto add_line = [&](const std::vector<std::string>& cells) {
    std::string line;
    for (size_t i = 0; i < count; ++i) {
      line += (i > 0 ? "  " : "") + padded(cells[i], widths[i], table.is_numeric(i));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  };
  if (!table.columns.empty()) {
    add_line(table.columns);
    std::vector<std::string> rule;
    for (const size_t width : widths) rule.emplace_back(width, '-');
    add_line(rule);
  }
  for (const auto& row : table.rows) add_line(row);
  return text;
}

}  // namespace retmask
