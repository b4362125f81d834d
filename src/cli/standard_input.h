#pragma once
// Input from a pipe: "-", /dev/stdin or a shell's <(...) as the value of a flag that takes a file.

#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::cli {

// Replaces "-" after --prompts, --pairs, --eval-pairs, --data and --needles by /dev/stdin.
std::vector<std::string> name_standard_input(std::vector<std::string> arguments);

// If one of a command's resolved options names a descriptor (descriptor_of()), reads it to its end
// into an unnamed file, so that it can be read several times and by copies of this process. Throws
// UserError, and Stopped if a signal arrives before the end.
void hold_streams(const Json& options);

}  // namespace retmask::cli
