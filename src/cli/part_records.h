#pragma once
// The run.json files of the parts of a run, for --merge.

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common.h"
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
  std::string compute;                       // as in RunRecord::set_compute
  std::map<std::string, double> throughput;  // sums over all parts
  std::optional<Moment> moment;              // of the first part; unset if an older version made it
};

// How the flags of a run's parts and of --merge relate.
struct PartRules {
  RunRules run;
  // Where and how a part was made: parts may differ, and --merge has its own.
  std::vector<std::string> part_flags;
  // They may be given to --merge with values other than the parts'.
  std::vector<std::string> free_flags;
  // Inputs, and flags of these names, in which parts may differ.
  std::vector<std::string> free_inputs = {};
};

// Reads the records of the parts in --out. Throws UserError if a part is missing, if parts were
// made with different options or inputs (except for what `rules` allow or compare by content or
// meaning), and if a folder holds a part other than its name says.
PartRecords read_part_records(const Invocation& invocation, const PartRules& rules);

// Runs the command again with the parts' flags where `invocation` gives none, and with their
// records in Invocation::parts: the first step of --merge.
void run_with_flags_of_parts(SetupCommand setup,
                             const Invocation& invocation,
                             const PartRules& rules);

// The moment of the run that was started in `out` or whose parts are there; nothing if there is
// none.
std::optional<Moment> moment_of_parts(const std::filesystem::path& out);

}  // namespace retmask::cli
