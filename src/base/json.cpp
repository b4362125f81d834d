#include "retmask/base/json.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "retmask/base/file.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

// Maximum nesting depth. Brackets inside strings do not count.
int64_t depth_of(std::string_view text) {
  int64_t deepest = 0;
  int64_t depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      deepest = std::max(deepest, ++depth);
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return deepest;
}

// The parser takes a NUL byte for the end of the text, and would ignore the rest without a word.
bool has_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

}  // namespace

void check_json_depth(std::string_view text, const std::string& where, int deepest) {
  const int64_t depth = depth_of(text);
  if (depth > deepest) {
    user_error(where,
               " nests arrays and objects ",
               depth,
               " levels deep, expected at most ",
               deepest,
               "; is it damaged?");
  }
}

std::optional<Json> try_parse_json(std::string_view text) {
  if (has_nul(text) || depth_of(text) > kDeepestJson) return std::nullopt;
  Json parsed = Json::parse(text, /*cb=*/nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) return std::nullopt;
  return parsed;
}

Json parse_json(std::string_view text, const std::string& where, int deepest) {
  if (has_nul(text)) {
    user_error(where,
               " is not valid JSON: byte ",
               text.find('\0') + 1,
               " is NUL; is it damaged, or not UTF-8?");
  }
  check_json_depth(text, where, deepest);
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    // nlohmann prefixes "[json.exception.parse_error.101] parse error at ...": only the part after
    // the bracket is readable.
    std::string reason = error.what();
    const auto bracket = reason.find("] ");
    if (bracket != std::string::npos) reason.erase(0, bracket + 2);
    user_error(where, " is not valid JSON: ", reason);
  }
}

Json read_json_file(const fs::path& path, std::string_view what) {
  return parse_json(read_text_file(path, what), path.string());
}

void write_json_file(const fs::path& path, const Json& value) {
  write_file_atomic(path, value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

std::string dump_json_line(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace retmask
