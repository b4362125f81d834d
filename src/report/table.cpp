#include "retmask/report/table.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "retmask/base/error.h"

namespace retmask {
namespace {

// In code points, which is the width on a terminal for the texts printed here.
size_t display_width(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

// "0.81", "18-6", "17/30", "56.7 %", "5e-07", "▲ 0.1"; a list of numbers or a sentence counts as
// text.
bool is_number(std::string_view text) {
  for (const std::string_view sign : {"▲ ", "▼ "}) {
    if (text.starts_with(sign)) text.remove_prefix(sign.size());
  }
  if (text.empty()) return false;
  const char first = text.front();
  return (first == '-' || std::isdigit(static_cast<unsigned char>(first)) != 0) &&
         text.find_first_not_of("0123456789+-./%e ") == std::string::npos;
}

std::string padded(const std::string& text, size_t width, bool right) {
  const std::string room(width - display_width(text), ' ');
  return right ? room + text : text + room;
}

}  // namespace

bool Table::is_numeric(size_t column) const {
  bool any = false;
  for (const auto& row : rows) {
    if (row[column].empty() || row[column] == "missing" || row[column] == "no data") continue;
    if (!is_number(row[column])) return false;
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
