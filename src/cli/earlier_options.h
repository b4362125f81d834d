#pragma once
// Flags out of the run.json of an earlier run.

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "retmask/base/json.h"
#include "retmask/report/run_record.h"

namespace retmask::cli {

// Gives `app` the values of `earlier`, a run.json's "options", for the flags that were not set.
// Those in `skipped` stay as they are; those in `free` may have been set to another value, those in
// `inputs` to another spelling of the same place. Throws UserError, naming `where`, for any other
// flag that was.
void take_earlier_options(CLI::App& app,
                          const Json& earlier,
                          const std::vector<std::string>& skipped,
                          const std::vector<std::string>& free,
                          const std::vector<InputFlag>& inputs,
                          const std::string& where);

}  // namespace retmask::cli
