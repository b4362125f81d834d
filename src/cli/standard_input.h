#pragma once
// Rows from a pipe: "-" or /dev/stdin as the value of a flag that takes a file of rows.

#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::cli {

// "-" behind --prompts, --pairs, --eval-pairs, --data and --needles becomes /dev/stdin.
std::vector<std::string> name_standard_input(std::vector<std::string> arguments);

// Where one of a command's resolved options is /dev/stdin: makes standard input a file without a
// name, so that it can be read several times, also by copies of this process. Throws UserError.
void hold_standard_input(const Json& options);

}  // namespace retmask::cli
