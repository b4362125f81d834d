#pragma once
// Rows from a pipe: "-", /dev/stdin or a shell's <(...) as the value of a flag that takes a file.

#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::cli {

// "-" behind --prompts, --pairs, --eval-pairs, --data and --needles becomes /dev/stdin.
std::vector<std::string> name_standard_input(std::vector<std::string> arguments);

// Where one of a command's resolved options names a descriptor (descriptor_of()): reads it to its
// end and makes it a file without a name, so that it can be read several times, also by copies of
// this process. Throws UserError, and Stopped where a signal comes before the end.
void hold_streams(const Json& options);

}  // namespace retmask::cli
