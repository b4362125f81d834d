#pragma once
// --config FILE: flags in a TOML file, at the top level or under the command's name as section.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <vector>

#include "alternatives.h"

namespace retmask::cli {

// Gives `app`, a subcommand of `root`, the values of the file for the flags that the command line
// did not set, nor an alternative to them; its section wins over the top level in the same way.
// Throws UserError with file and line: an unknown key or section (also in the sections of other
// commands), a value of the wrong type.
void apply_config_file(CLI::App& app,
                       const CLI::App& root,
                       const std::filesystem::path& path,
                       const std::vector<Alternatives>& alternatives = {});

}  // namespace retmask::cli
