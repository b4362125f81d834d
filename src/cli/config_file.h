#pragma once
// --config FILE: flags in a TOML file, at the top level or in a section with the command's name.

#include <CLI/CLI.hpp>
#include <filesystem>
#include <vector>

#include "alternatives.h"

namespace retmask::cli {

// Applies the file to `app`, a subcommand of `root`. The command line overrides the file, including
// alternatives of the flags it sets; the command's section overrides the top level in the same way.
// Throws UserError with file and line for an unknown key or section (also in the sections of other
// commands) and for a value of the wrong type.
void apply_config_file(CLI::App& app,
                       const CLI::App& root,
                       const std::filesystem::path& path,
                       const std::vector<Alternatives>& alternatives = {});

}  // namespace retmask::cli
