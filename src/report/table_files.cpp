// Tables as files for other programs.

#include "retmask/base/error.h"
#include "retmask/report/table.h"

namespace retmask {
namespace {

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string markdown_cell(const std::string& text) {
  std::string cell;
  for (const char c : text) {
    if (c == '|') cell += '\\';
    cell += c == '\n' ? ' ' : c;
  }
  return cell;
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) line += (i == 0 ? "" : ",") + csv_cell(cells[i]);
  return line + "\n";
}

std::string markdown_line(const std::vector<std::string>& cells) {
  std::string line = "|";
  for (const std::string& cell : cells) line += " " + markdown_cell(cell) + " |";
  return line + "\n";
}

std::string latex_row(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += " & ";
    for (const char c : cells[i]) {
      if (std::string_view("&%$#_{}").find(c) != std::string_view::npos) line += '\\';
      line += c;
    }
  }
  return line + " \\\\\n";
}

}  // namespace

std::string to_csv(const Table& table) {
  std::string text = table.columns.empty() ? "" : csv_line(table.columns);
  for (const auto& row : table.rows) text += csv_line(row);
  return text;
}

std::string to_markdown(const Table& table) {
  RETMASK_CHECK(!table.columns.empty());
  std::vector<std::string> rule;
  for (size_t i = 0; i < table.columns.size(); ++i)
    rule.push_back(table.is_numeric(i) ? "---:" : "---");
  std::string text = markdown_line(table.columns) + markdown_line(rule);
  for (const auto& row : table.rows) text += markdown_line(row);
  return text;
}

std::string to_latex(const Table& table) {
  std::string text = "\\begin{tabular}{";
  for (size_t column = 0; column < table.columns.size(); ++column) {
    text += table.is_numeric(column) ? 'r' : 'l';
  }
  text += "}\n\\toprule\n" + latex_row(table.columns) + "\\midrule\n";
  for (const auto& row : table.rows) text += latex_row(row);
  return text + "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace retmask
