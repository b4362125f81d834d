#pragma once
// Flags from the run.json of an earlier run.

#include <string>
#include <vector>

#include "common.h"
#include "retmask/base/json.h"
#include "retmask/report/run_record.h"

namespace retmask::cli {

// The flag values of `invocation`, with those of `earlier`, the "options" of a run.json, for flags
// that were not given. Flags in `skipped` are not taken from it; those in `free` may have been
// given another value, those in `inputs` another spelling of the same path. Throws UserError naming
// `where` for any other flag that was given a different value.
Json with_earlier_options(const Invocation& invocation,
                          const Json& earlier,
                          const std::vector<std::string>& skipped,
                          const std::vector<std::string>& free,
                          const std::vector<InputFlag>& inputs,
                          const std::string& where);

}  // namespace retmask::cli
