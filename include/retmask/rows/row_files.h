#pragma once
// Rows of data out of the kinds of file that people have, as JSON objects.
//
// JSON Lines and arrays of rows in JSON, both plain or gzipped, and Parquet. What a file is, its
// first bytes tell, whatever its name.

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::rows {

// `number`: the line of a JSON Lines file; in an array and in Parquet rows count from 1. `where`:
// "file:number", for messages.
using RowVisitor = std::function<void(const Json& row, int64_t number, const std::string& where)>;

struct RowSource {
  std::filesystem::path path;
  std::string what = "data file";  // in messages
  // Those that will be looked at: the others of a Parquet file are not read.
  std::vector<std::string> columns = {};
  std::string hint = {};  // behind "has none of the columns", what to do
};

// Calls `visit` for each row without holding the file. Throws UserError, naming the row where it is
// a row's fault, and the column and its type where Parquet has one that is not read.
void for_each_row(const RowSource& source, const RowVisitor& visit);

}  // namespace retmask::rows
