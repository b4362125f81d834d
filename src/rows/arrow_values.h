#pragma once
// Converts Arrow values to JSON. Only this file and parquet_rows.cpp use Arrow.

#include <arrow/type_fwd.h>

#include <string>

#include "retmask/base/json.h"

namespace retmask::rows {

// Throws UserError, "<column> has the type timestamp[us], which is not read", for a type that has
// no JSON value. A struct field of such a type is allowed and omitted from the row, unless it is a
// part of a message that is used ("content").
void check_column_type(const arrow::DataType& type, const std::string& column);

// The columns must have been checked. Throws UserError naming `where` and the column for invalid
// UTF-8 and for a value of a JSON column that is not JSON.
Json row_to_json(const arrow::RecordBatch& batch, int64_t row, const std::string& where);

}  // namespace retmask::rows
