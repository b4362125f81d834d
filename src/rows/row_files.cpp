#include "retmask/rows/row_files.h"

#include "parquet_rows.h"
#include "retmask/base/error.h"
#include "retmask/base/stop_signals.h"
#include "retmask/base/text_reader.h"

namespace fs = std::filesystem;

namespace retmask::rows {
namespace {

bool is_white(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// Splits an array of any size into its elements, one at a time.
class ArrayElements {
 public:
  ArrayElements(TextReader& reader, std::string path) : reader_(reader), path_(std::move(path)) {
    next_text();  // skip the '[', already seen
  }

  // The text of the next element; false after the last.
  bool next(std::string& element) {
    element.clear();
    if (ended_) return false;
    char first = require_text();
    if (first == ']' && number_ == 0) return end();
    ++number_;
    int64_t depth = 0;
    bool in_string = false;
    for (char c = first;; c = require_byte()) {
      if (in_string) {
        element += c;
        if (c == '\\') {
          element += require_byte();
        } else if (c == '"') {
          in_string = false;
        }
        continue;
      }
      if (depth == 0 && (c == ',' || c == ']')) {
        if (c == ']') end();
        return true;
      }
      if (c == '{' || c == '[') ++depth;
      if (c == '}' || c == ']') --depth;
      if (c == '"') in_string = true;
      element += c;
    }
  }

  std::string where() const { return path_ + ":" + std::to_string(number_); }
  int64_t number() const { return number_; }

 private:
  bool end() {
    ended_ = true;
    if (next_text()) {
      user_error(path_, ": unexpected data after the array's last row, number ", number_);
    }
    return false;
  }

  std::optional<char> next_text() {
    std::optional<char> c = reader_.next_byte();
    while (c && is_white(*c)) c = reader_.next_byte();
    return c;
  }

  char require(std::optional<char> c) const {
    if (!c) {
      const int64_t row = std::max<int64_t>(number_, 1);
      user_error(path_, ":", row, ": row ", row, " is not valid JSON: the file ends inside it");
    }
    return *c;
  }
  char require_text() { return require(next_text()); }
  char require_byte() { return require(reader_.next_byte()); }

  TextReader& reader_;
  std::string path_;
  int64_t number_ = 0;
  bool ended_ = false;
};

void for_each_array_element(TextReader& reader, const RowSource& source, const RowVisitor& visit) {
  ArrayElements elements(reader, source.path.string());
  std::string text;
  while (elements.next(text)) {
    stop_point();
    const std::string where = elements.where();
    visit(parse_json(text, where + ": row " + std::to_string(elements.number())),
          elements.number(),
          where);
  }
}

}  // namespace

void for_each_row(const RowSource& source, const RowVisitor& visit) {
  const fs::path& path = source.path;
  for (const char* other : {".csv", ".tsv", ".zst", ".xz", ".bz2", ".zip"}) {
    if (path.extension() != other) continue;
    user_error(source.what,
               " ",
               path,
               " is a ",
               other,
               " file, expected JSON lines (.jsonl, .jsonl.gz), a JSON array or Parquet");
  }
  if (is_parquet(path)) return for_each_parquet_row(source, visit);
  {
    TextReader reader(path, source.what);
    if (reader.peek_text() == '[') return for_each_array_element(reader, source, visit);
  }
  for_each_json_line(path, source.what, [&](const Json& row, int64_t line) {
    visit(row, line, path.string() + ":" + std::to_string(line));
  });
}

}  // namespace retmask::rows
