#pragma once
// The files that hold prompts.

#include <filesystem>
#include <string>
#include <vector>

#include "retmask/rows/row_files.h"

namespace retmask::synthesize {

// Files and the prompt files inside folders (sorted by path), without hidden ones and what the
// datasets library keeps beside its data. Throws UserError for a missing path and for a folder
// without prompt files.
std::vector<std::filesystem::path> expand_folders(const std::vector<std::filesystem::path>& paths);

// rows::for_each_row for a file whose name says that it holds prompts.
void for_each_prompt_row(const std::filesystem::path& file,
                         const std::vector<std::string>& columns,
                         const rows::RowVisitor& visit);

}  // namespace retmask::synthesize
