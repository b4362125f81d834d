#pragma once
// The rows of Parquet files, read through Arrow, as the same JSON that the other formats give.

#include "retmask/rows/row_files.h"

namespace retmask::rows {

bool is_parquet(const std::filesystem::path& path);

void for_each_parquet_row(const RowSource& source, const RowVisitor& visit);

}  // namespace retmask::rows
