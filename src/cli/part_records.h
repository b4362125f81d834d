#pragma once
// What the workers of synthesize left in their run.json files.

#include <filesystem>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::cli {

struct PartRecords {
  std::vector<std::filesystem::path> dirs;
  Json options;  // of every part alike, but for those that may differ
  Json inputs;   // {name: hash}, of every part alike
  std::string device;
  double tokens_per_second = 0;  // of all together
};

// Of the parts in `out`. Throws UserError when one is missing, when they were made with different
// options (but those in `may_differ`) or inputs, and when a folder holds another part than its name
// says.
PartRecords read_part_records(const std::filesystem::path& out,
                              const std::vector<std::string>& may_differ);

}  // namespace retmask::cli
