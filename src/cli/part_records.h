#pragma once
// What the workers of synthesize left in their run.json files.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/report/run_record.h"

namespace retmask::cli {

struct PartRecords {
  std::vector<std::filesystem::path> dirs;
  Json options;      // of every part alike, but for those that may differ
  Json inputs;       // {name: hash}, of every part alike
  Json input_files;  // {input: {file: hash}}
  Json settled;      // {name: what "auto" means}
  std::string device;
  double tokens_per_second = 0;  // of all together
  std::optional<Moment> moment;  // of the first part; nothing: an older version made it
};

// Of the parts in `out`. Throws UserError when one is missing, when they were made with different
// options (but those in `may_differ` and those that `rules` compare by what they name or mean) or
// inputs (but those in `inputs_that_differ`), and when a folder holds another part than its name
// says. `defaults`: of the flags that an older part lacks.
PartRecords read_part_records(const std::filesystem::path& out,
                              const std::vector<std::string>& may_differ,
                              const std::vector<std::string>& inputs_that_differ,
                              const RunRules& rules,
                              const Json& defaults);

// Of the run whose parts are in `out`, or that has started in it; nothing while there is none.
std::optional<Moment> moment_of_parts(const std::filesystem::path& out);

}  // namespace retmask::cli
