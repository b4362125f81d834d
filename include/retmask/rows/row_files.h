#pragma once
// Rows of common data file formats, as JSON objects.
//
// JSON Lines and JSON arrays of rows, plain or gzipped, and Parquet. The format is detected from
// the first bytes, not from the file name.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::rows {

// `number`: the line in a JSON Lines file; in an array and in Parquet, rows count from 1. `where`:
// "file:number", for messages.
using RowVisitor = std::function<void(const Json& row, int64_t number, const std::string& where)>;

struct RowSource {
  std::filesystem::path path;
  std::string what = "data file";  // in messages
  // Columns that are used: the others of a Parquet file are not read.
  std::vector<std::string> columns = {};
  std::string hint = {};  // what to do, appended to "has none of the expected columns"
};

// Calls `visit` for each row, streaming the file. Throws UserError that names the row if a row is
// at fault, and the column and its type for an unsupported Parquet column.
void for_each_row(const RowSource& source, const RowVisitor& visit);

}  // namespace retmask::rows
