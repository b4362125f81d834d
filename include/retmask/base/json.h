#pragma once
// Reading and writing JSON and JSON Lines, with errors that name file and line.

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retmask {

using Json = nlohmann::ordered_json;  // keeps the order of keys: tokenizers, templates and reports
                                      // depend on it

// Maximum nesting of arrays and objects, wherever JSON is read. Copying, comparing and writing a
// value recurse per level, so a file of nothing but brackets would overflow the stack.
constexpr int kDeepestJson = 512;
// For files written by retmask: they embed input values a few levels deeper.
constexpr int kDeepestOwnJson = kDeepestJson + 64;

// Throws UserError, which names `where`, for more than `deepest` levels. Call it before any parser
// other than parse_json; `text` need not be valid JSON.
void check_json_depth(std::string_view text, const std::string& where, int deepest = kDeepestJson);

// Parses `text`; a UserError names `where` (a file, or file and line) and gives the parser's
// reason.
Json parse_json(std::string_view text, const std::string& where, int deepest = kDeepestJson);

// The same for text received from a peer: nullopt if it is not JSON or nested too deep.
std::optional<Json> try_parse_json(std::string_view text);

Json read_json_file(const std::filesystem::path& path, std::string_view what);
void write_json_file(const std::filesystem::path& path, const Json& value);

// One line of JSON. Invalid UTF-8 (an answer cut inside a character) becomes U+FFFD.
std::string dump_json_line(const Json& value);

// Calls `visit(row, line_number)` for each non-empty line of a .jsonl or .jsonl.gz file, streaming
// it. Throws UserError with file and line for a line that is not JSON.
void for_each_json_line(const std::filesystem::path& path,
                        std::string_view what,
                        const std::function<void(const Json& row, int64_t line)>& visit);

std::vector<Json> read_json_lines(const std::filesystem::path& path, std::string_view what);

// A JSON Lines file written row by row, gzipped when the name ends in .gz. It appears complete at
// commit(); without commit() nothing remains. Its bytes depend on the rows alone.
class JsonLinesWriter {
 public:
  // Each of these throws UserError when the file cannot be written.
  explicit JsonLinesWriter(const std::filesystem::path& path);
  ~JsonLinesWriter();
  void append(const Json& row);
  void commit();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Writes all rows through a JsonLinesWriter.
void write_json_lines(const std::filesystem::path& path, const std::vector<Json>& rows);

// Typed access; a failure is a one-line UserError. `where` names the object ("config.json").
template <typename T>
T json_get(const Json& object, const std::string& key, const std::string& where);
template <typename T>
T json_get_or(const Json& object, const std::string& key, T fallback, const std::string& where);

}  // namespace retmask

#include "retmask/base/json_access.h"
