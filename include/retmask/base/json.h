#pragma once
// JSON and JSON Lines in and out, with errors that name file and line.

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace retmask {

using Json = nlohmann::ordered_json;  // keeps the order of keys: tokenizers, templates and reports
                                      // depend on it

// Parses `text`; a UserError names `where` (a file, or file and line) and the parser's reason.
Json parse_json(std::string_view text, const std::string& where);

Json read_json_file(const std::filesystem::path& path, std::string_view what);
void write_json_file(const std::filesystem::path& path, const Json& value);

// One line of JSON. Invalid UTF-8 (an answer cut inside a character) becomes U+FFFD instead of an
// error.
std::string dump_json_line(const Json& value);

// Calls `visit(row, line_number)` for each non-empty line of a .jsonl or .jsonl.gz file, without
// holding the file. Throws UserError with file and line for a line that is not JSON.
void for_each_json_line(const std::filesystem::path& path,
                        std::string_view what,
                        const std::function<void(const Json& row, int64_t line)>& visit);

std::vector<Json> read_json_lines(const std::filesystem::path& path, std::string_view what);

// Writes all rows as JSON Lines, gzipped when the name ends in .gz; atomic.
void write_json_lines(const std::filesystem::path& path, const std::vector<Json>& rows);

// An append-only .jsonl that survives a kill: rows are on disk (flushed and synced) when append
// returns, and opening it again gives the finished rows back, a torn last line cut off.
class Journal {
 public:
  // Throws UserError when a line other than the last is not JSON or the file cannot be written.
  explicit Journal(std::filesystem::path path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // What an earlier run had finished.
  const std::vector<Json>& rows() const { return rows_; }
  const std::filesystem::path& path() const { return path_; }

  // Throws UserError when the disk is full; the rows before it are kept.
  void append(const Json& row);

 private:
  std::filesystem::path path_;
  std::vector<Json> rows_;
  int fd_ = -1;
  int64_t size_ = 0;  // bytes of whole rows
};

// Typed access with one clear line on failure. `where` names the object ("config.json").
template <typename T>
T json_get(const Json& object, const std::string& key, const std::string& where);
template <typename T>
T json_get_or(const Json& object, const std::string& key, T fallback, const std::string& where);

}  // namespace retmask

#include "retmask/base/json_access.h"
