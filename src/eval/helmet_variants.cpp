#include "helmet_variants.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <optional>

#include "builtin_data.h"
#include "retmask/base/error.h"

namespace fs = std::filesystem;

namespace retmask::eval::helmet {
namespace {

struct SizedFile {
  int64_t size = 0;
  std::string kind = {};  // letters behind the size
  std::string file = {};
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

// "5a" -> 5 and "a".
std::optional<SizedFile> parse_size(const std::string& text) {
  const auto letters = std::find_if_not(text.begin(), text.end(), is_digit);
  const bool is_size = letters != text.begin() && letters - text.begin() <= 9 &&
                       std::all_of(letters, text.end(), is_letter);
  if (!is_size) return {};
  return SizedFile{std::stoll(std::string(text.begin(), letters)), {letters, text.end()}, {}};
}

// Files like `pattern` (with "{size}") in its folder.
std::vector<SizedFile> files_like(const DataFolder& data, const std::string& pattern) {
  const fs::path relative = fs::path(pattern).parent_path();
  const std::string name = fs::path(pattern).filename().string();
  const size_t at = name.find("{size}");
  const std::string before = name.substr(0, at);
  const std::string behind = name.substr(at + 6);
  std::vector<SizedFile> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(data.root() / relative, error)) {
    const std::string found = entry.path().filename().string();
    if (found.size() <= before.size() + behind.size()) continue;
    if (!found.starts_with(before) || !found.ends_with(behind)) continue;
    auto sized =
        parse_size(found.substr(before.size(), found.size() - before.size() - behind.size()));
    if (!sized) continue;
    sized->file = (relative / found).string();
    files.push_back(*sized);
  }
  std::sort(files.begin(), files.end(), [](const SizedFile& a, const SizedFile& b) {
    return std::tie(a.kind, a.size) < std::tie(b.kind, b.size);
  });
  return files;
}

}  // namespace

std::vector<Variant> find_variants(const Task& task, const DataFolder& data) {
  if (!task.settings().contains("file_sizes")) return {};
  const auto known = task.settings().at("file_sizes").get<std::vector<int64_t>>();
  const bool has_demos = task.demo_file.empty() || data.find(task.demo_file);
  std::map<std::string, std::vector<SizedFile>> kinds;
  for (const SizedFile& file : files_like(data, task.text("test"))) {
    const bool is_known =
        file.kind.empty() && std::find(known.begin(), known.end(), file.size) != known.end();
    if (is_known) return {};
    if (file.file != task.demo_file) kinds[file.kind].push_back(file);
  }
  std::vector<Variant> variants;
  for (const auto& [kind, files] : kinds) {
    if (!has_demos && files.size() < 2) continue;
    const SizedFile& test = files.back();
    variants.push_back({.name = detail::concat("k", test.size, kind),
                        .test_file = test.file,
                        .demo_file = has_demos ? "" : files.front().file});
  }
  return variants;
}

}  // namespace retmask::eval::helmet
