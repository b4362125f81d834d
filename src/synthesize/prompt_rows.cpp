#include "prompt_rows.h"

#include <algorithm>
#include <array>
#include <set>

#include "retmask/base/error.h"
#include "retmask/base/file.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

constexpr const char* kWhat = "prompt file";
constexpr const char* kKinds = ".jsonl, .jsonl.gz, .json, .json.gz or .parquet";
constexpr std::array<std::string_view, 5> kEndings = {
    ".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet"};
// Metadata files written next to the data by the datasets library.
constexpr std::array<std::string_view, 4> kDescriptions = {
    "dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json"};

bool is_prompt_file(const fs::path& path) {
  const std::string name = path.filename().string();
  return std::ranges::any_of(kEndings,
                             [&](std::string_view ending) { return name.ends_with(ending); });
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool is_description(const fs::path& path) {
  return std::ranges::find(kDescriptions, path.filename().string()) != kDescriptions.end();
}

std::vector<fs::path> prompt_files_in(const fs::path& dir) {
  std::vector<fs::path> files;
  const fs::recursive_directory_iterator end;
  for (fs::recursive_directory_iterator entry(dir); entry != end; ++entry) {
    const fs::path& path = entry->path();
    if (is_hidden(path)) {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file() && is_prompt_file(path) && !is_description(path)) {
      files.push_back(path);
    }
  }
  std::ranges::sort(files);
  return files;
}

// The same rows twice would give duplicate ids.
void check_no_file_twice(const std::vector<fs::path>& files) {
  std::set<fs::path> seen;
  for (const fs::path& file : files) {
    std::error_code error;
    const fs::path canonical = fs::canonical(file, error);  // standard input may have no name
    if (!seen.insert(error ? file : canonical).second)
      user_error(kWhat, " ", file, " is given twice");
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
      user_error("folder ", path, " holds no ", kKinds, " file");
    }
    files.insert(files.end(), inside.begin(), inside.end());
  }
  check_no_file_twice(files);
  return files;
}

void for_each_prompt_row(const fs::path& file,
                         const std::vector<std::string>& columns,
                         const rows::RowVisitor& visit) {
  if (!is_prompt_file(file) && !descriptor_of(file)) {
    user_error(kWhat, " ", file, " has an unknown extension; expected ", kKinds);
  }
  rows::for_each_row({.path = file,
                      .what = kWhat,
                      .columns = columns,
                      .hint = "--prompt-field names the one with the prompts"},
                     visit);
}

}  // namespace retmask::synthesize
