#pragma once
// The output folder of a run of any command.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask {

struct RunFolder {
  std::filesystem::path dir;
  std::string name;     // display name
  std::string command;  // "detect"
  Json record;          // run.json

  // A file that the command is documented to write. Throws UserError when it is missing or not
  // JSON.
  Json read(const std::string& file) const;
  std::vector<Json> read_lines(const std::string& file) const;
  void for_each_line(const std::string& file,
                     const std::function<void(const Json& row, int64_t line)>& visit) const;
  std::string where(const std::string& file) const { return (dir / file).string(); }
};

using RunFolders = std::vector<RunFolder>;

// Names are the folders' last path components, or the paths as given if two would be equal. Throws
// UserError.
RunFolders open_runs(const std::vector<std::filesystem::path>& dirs);

// A run of detect or eval that compares others.
bool is_comparison(const RunFolder& run);
// --suite of an eval run.
std::string suite_of(const RunFolder& run);

// The runs of one command, in order.
RunFolders runs_of(const RunFolders& runs, const std::string& command);

}  // namespace retmask
