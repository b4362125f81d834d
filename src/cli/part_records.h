#pragma once
// The run.json files of the parts of a run.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/report/run_record.h"

namespace retmask::cli {

struct PartRecords {
  std::vector<std::filesystem::path> dirs;
  Json options;      // equal in all parts, except those that may differ
  Json inputs;       // {name: hash}, equal in all parts
  Json input_files;  // {input: {file: hash}}
  Json settled;      // {name: resolved value of "auto"}
  std::string device;
  double tokens_per_second = 0;  // sum over all parts
  std::optional<Moment> moment;  // of the first part; unset if an older version made it
};

// Reads the records of the parts in `out`. Throws UserError if a part is missing, if parts were
// made with different options (except those in `may_differ` and those that `rules` compare by
// content or meaning) or inputs (except those in `inputs_that_differ`), and if a folder holds a
// part other than its name says. `defaults`: values of flags that an older part lacks.
PartRecords read_part_records(const std::filesystem::path& out,
                              const std::vector<std::string>& may_differ,
                              const std::vector<std::string>& inputs_that_differ,
                              const RunRules& rules,
                              const Json& defaults);

// The moment of the run that was started in `out` or whose parts are there; nothing if there is
// none.
std::optional<Moment> moment_of_parts(const std::filesystem::path& out);

}  // namespace retmask::cli
