#pragma once
// A subset of TOML (toml.io, v1.0.0) for flags: comments, [section] headers, and key = value with
// strings, numbers, booleans and arrays of these. Dates, inline tables, dotted keys and multi-line
// strings are errors.

#include <string>
#include <string_view>
#include <vector>

namespace retmask::cli {

struct TomlEntry {
  enum class Kind { string, number, boolean };

  std::string section;  // empty before the first header
  std::string key;
  std::vector<std::string> values;  // one unless is_array
  bool is_array = false;
  Kind kind = Kind::string;  // of all values
  int64_t line = 0;
};

// Throws UserError with `where` (the file) and the line.
std::vector<TomlEntry> parse_toml(std::string_view text, const std::string& where);

}  // namespace retmask::cli
