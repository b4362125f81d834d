#pragma once
// Arrow's values as JSON. With parquet_rows.cpp the only place that knows Arrow.

#include <arrow/type_fwd.h>

#include <string>

#include "retmask/base/json.h"

namespace retmask::rows {

// Throws UserError, "<column> has the type timestamp[us], which is not read", for a type that has
// no JSON value. A struct's field of such a type may stay, it is left out of the row, unless it is
// the part of a message that is looked at ("content").
void check_column_type(const arrow::DataType& type, const std::string& column);

// Its columns have been checked. Throws UserError naming `where` and the column for text that is
// no valid UTF-8 and for a value of a JSON column that is no JSON.
Json row_to_json(const arrow::RecordBatch& batch, int64_t row, const std::string& where);

}  // namespace retmask::rows
