#pragma once
// Prompt files.

#include <filesystem>
#include <string>
#include <vector>

#include "retmask/rows/row_files.h"

namespace retmask::synthesize {

// Expands folders to the prompt files in them, sorted by path. Hidden files and metadata of the
// datasets library are skipped. Throws UserError for a missing path and for a folder without prompt
// files.
std::vector<std::filesystem::path> expand_folders(const std::vector<std::filesystem::path>& paths);

// rows::for_each_row() for a prompt file. Throws UserError for an unknown extension.
void for_each_prompt_row(const std::filesystem::path& file,
                         const std::vector<std::string>& columns,
                         const rows::RowVisitor& visit);

}  // namespace retmask::synthesize
