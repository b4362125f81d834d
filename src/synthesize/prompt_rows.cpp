#include "prompt_rows.h"

#include <algorithm>
#include <array>
#include <fstream>
#include <set>

#include "retmask/base/error.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

constexpr const char* kWhat = "prompt file";
constexpr std::array<std::string_view, 4> kEndings = {".jsonl", ".jsonl.gz", ".json", ".parquet"};

bool is_prompt_file(const fs::path& path) {
  const std::string name = path.filename().string();
  return !name.starts_with('.') && std::ranges::any_of(kEndings, [&](std::string_view ending) {
    return name.ends_with(ending);
  });
}

std::vector<fs::path> prompt_files_in(const fs::path& dir) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(dir)) {
    if (entry.is_regular_file() && is_prompt_file(entry.path())) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

// Twice the same rows would be twice the same ids.
void check_no_file_twice(const std::vector<fs::path>& files) {
  std::set<fs::path> seen;
  for (const fs::path& file : files) {
    if (!seen.insert(fs::canonical(file)).second) user_error(kWhat, " ", file, " is given twice");
  }
}

bool starts_with_array(std::istream& in) {
  in >> std::ws;
  return in.peek() == '[';
}

// Without the parser's "[json.exception.parse_error.101] ".
std::string reason(const Json::exception& error) {
  const std::string_view text = error.what();
  return std::string(text.substr(text.find("] ") + 2));
}

// Hands each element of the top-level array to `visit` and forgets it, so that gigabytes need no
// memory.
void for_each_array_element(std::istream& in, const fs::path& file, const RowVisitor& visit) {
  int64_t element = 0;
  const auto callback = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kDeepestJson) {
      user_error(file.string(),
                 ":",
                 element + 1,
                 ": row ",
                 element + 1,
                 " nests arrays and objects more than ",
                 kDeepestJson,
                 " levels deep; is the file damaged?");
    }
    const bool ends_value = event == Json::parse_event_t::object_end ||
                            event == Json::parse_event_t::array_end ||
                            event == Json::parse_event_t::value;
    if (depth != 1 || !ends_value) return true;
    visit(parsed, ++element);
    return false;
  };
  try {
    [[maybe_unused]] const Json rest = Json::parse(in, callback);
  } catch (const Json::exception& error) {
    user_error(file.string(),
               ":",
               element + 1,
               ": row ",
               element + 1,
               " is not valid JSON: ",
               reason(error));
  }
}

}  // namespace

std::vector<fs::path> expand_folders(const std::vector<fs::path>& paths) {
  std::vector<fs::path> files;
  for (const fs::path& path : paths) {
    std::error_code error;
    if (!fs::exists(path, error)) user_error(kWhat, " ", path, " does not exist");
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    const std::vector<fs::path> inside = prompt_files_in(path);
    if (inside.empty()) {
      user_error("folder ", path, " holds no .jsonl, .jsonl.gz, .json or .parquet file");
    }
    files.insert(files.end(), inside.begin(), inside.end());
  }
  check_no_file_twice(files);
  return files;
}

void for_each_row(const fs::path& file,
                  const std::vector<std::string>& columns,
                  const RowVisitor& visit) {
  if (!is_prompt_file(file)) {
    user_error(
        kWhat, " ", file, " is of unknown kind; expected .jsonl, .jsonl.gz, .json or .parquet");
  }
  if (file.extension() == ".parquet") return for_each_parquet_row(file, columns, visit);
  if (file.extension() == ".json") {
    std::ifstream in(file, std::ios::binary);
    if (starts_with_array(in)) return for_each_array_element(in, file, visit);
  }
  for_each_json_line(file, kWhat, visit);
}

}  // namespace retmask::synthesize
