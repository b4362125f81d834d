#pragma once
// A table as data, for stdout and for HTML.

#include <set>
#include <string>
#include <utility>
#include <vector>

namespace retmask {

struct Table {
  std::vector<std::string> columns;                 // may be empty: no header
  std::vector<std::vector<std::string>> rows;       // each as long as the others
  std::set<std::pair<size_t, size_t>> strong = {};  // (row, column) of cells in bold in HTML

  // Whether every cell of the column is a number, empty, "missing" or "no data"; such columns are
  // right-aligned.
  bool is_numeric(size_t column) const;
};

// Columns separated by two spaces, a rule under the header, each line ending in a newline.
std::string to_text(const Table& table);
// Comma-separated values (RFC 4180, but lines end in "\n").
std::string to_csv(const Table& table);
// A table of GitHub's Markdown; it must have columns.
std::string to_markdown(const Table& table);
// A tabular with the rules of LaTeX's package booktabs; it must have columns.
std::string to_latex(const Table& table);

}  // namespace retmask
