#include <cctype>

#include "json_text.h"
#include "retmask/base/error.h"
#include "run_sections.h"

namespace retmask {
namespace {

// "stage_times" -> "Stage times".
std::string title_of_file(const std::filesystem::path& file) {
  std::string title = file.stem().string();
  for (char& c : title) {
    if (c == '_') c = ' ';
  }
  if (!title.empty())
    title[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(title[0])));
  return title;
}

}  // namespace

HtmlFragment table_section(const std::filesystem::path& file) {
  Table table;
  for_each_json_line(file, "table", [&](const Json& row, int64_t line) {
    if (!row.is_object())
      user_error(file.string(), ":", line, ": expected an object, a row of the table");
    if (table.columns.empty()) {
      for (const auto& [key, value] : row.items()) table.columns.push_back(key);
    }
    auto& cells = table.rows.emplace_back();
    for (const std::string& key : table.columns) cells.push_back(text_of(row.value(key, Json())));
  });
  if (table.rows.empty()) user_error("the table ", file, " is empty, expected an object per line");
  HtmlFragment section;
  section.heading(title_of_file(file));
  section.table(table);
  return section;
}

}  // namespace retmask
