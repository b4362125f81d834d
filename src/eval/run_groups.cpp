#include "run_groups.h"

#include <set>

#include "retmask/base/error.h"

namespace fs = std::filesystem;

namespace retmask::eval {
namespace {

std::string folder_name(const fs::path& dir) {
  const fs::path plain = dir.filename().empty() ? dir.parent_path() : dir;
  return plain.filename().string();
}

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (size_t end = 0; end != std::string::npos; begin = end + 1) {
    end = text.find(',', begin);
    parts.push_back(text.substr(begin, end - begin));
  }
  return parts;
}

// The given names, and those of the other groups' folders.
std::set<std::string> names_with_folders(const std::vector<RunGroup>& groups) {
  std::set<std::string> names;
  for (const RunGroup& group : groups)
    names.insert(group.name.empty() ? folder_name(group.dirs.front()) : group.name);
  return names;
}

}  // namespace

std::vector<RunGroup> parse_run_groups(const std::string& text) {
  if (fs::is_directory(text)) return {{.dirs = {text}}};
  const size_t equals = text.find('=');
  const bool has_name = equals != std::string::npos && text.find('/') > equals;
  const std::string name = has_name ? text.substr(0, equals) : "";
  std::vector<RunGroup> groups;
  std::set<fs::path> seen;
  for (const std::string& dir : split_commas(has_name ? text.substr(equals + 1) : text)) {
    if (dir.empty() || (has_name && name.empty()))
      user_error("--compare has \"", text, "\", expected DIR or NAME=DIR[,DIR...]");
    if (has_name && !seen.insert((fs::path(dir) / "").lexically_normal()).second)
      user_error("--compare has ", dir, " twice in \"", name, "\"; give each run once");
    if (!has_name || groups.empty()) groups.push_back({.name = name});
    groups.back().dirs.emplace_back(dir);
  }
  return groups;
}

void name_groups(std::vector<RunGroup>& groups) {
  const bool are_different = names_with_folders(groups).size() == groups.size();
  std::multiset<std::string> names;
  std::set<std::string> given;
  for (RunGroup& group : groups) {
    if (!group.name.empty()) given.insert(group.name);
    const fs::path& dir = group.dirs.front();
    if (group.name.empty()) group.name = are_different ? folder_name(dir) : dir.string();
    names.insert(group.name);
  }
  for (const std::string& name : given) {
    if (names.count(name) == 1) continue;
    user_error("--compare has the name \"",
               name,
               "\" twice; join its runs, NAME=DIR,DIR, or give another name");
  }
}

}  // namespace retmask::eval
