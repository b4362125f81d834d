#include "retmask/base/json.h"

#include "retmask/base/error.h"
#include "retmask/base/file.h"

namespace fs = std::filesystem;

namespace retmask {

Json parse_json(std::string_view text, const std::string& where) {
  try {
    return Json::parse(text);
  } catch (const nlohmann::json::exception& error) {
    // nlohmann prefixes "[json.exception.parse_error.101] parse error at ...": the part behind the
    // bracket is for people.
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
