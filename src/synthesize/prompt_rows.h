#pragma once
// Rows of a prompt file, whatever its format.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::synthesize {

using RowVisitor = std::function<void(const Json& row, int64_t line)>;

// Files and the prompt files inside folders (sorted by path). Throws UserError for a missing path
// and for a folder without prompt files.
std::vector<std::filesystem::path> expand_folders(const std::vector<std::filesystem::path>& paths);

// Calls `visit` for each row without holding the file. `columns` are those that will be looked at:
// the others of a Parquet file are not read. Throws UserError with file and line.
void for_each_row(const std::filesystem::path& file,
                  const std::vector<std::string>& columns,
                  const RowVisitor& visit);

// The .parquet part of it (parquet_rows.cpp, the only place that knows Arrow).
void for_each_parquet_row(const std::filesystem::path& file,
                          const std::vector<std::string>& columns,
                          const RowVisitor& visit);

}  // namespace retmask::synthesize
