#pragma once
// Flags from the run.json of an earlier run.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/report/run_record.h"

namespace retmask::cli {

// Applies `earlier`, the "options" of a run.json, to the flags of `app` that were not set. Flags in
// `skipped` are not touched; those in `free` may have been set to another value, those in `inputs`
// to another spelling of the same path. Throws UserError naming `where` for any other flag that
// was set to a different value.
void take_earlier_options(CLI::App& app,
                          const Json& earlier,
                          const std::vector<std::string>& skipped,
                          const std::vector<std::string>& free,
                          const std::vector<InputFlag>& inputs,
                          const std::string& where);

}  // namespace retmask::cli
