#include "parquet_rows.h"

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "arrow_values.h"
#include "retmask/base/error.h"
#include "retmask/base/stop_signals.h"

namespace fs = std::filesystem;

namespace retmask::rows {
namespace {

// Arrow's default, 65,536 conversations, would be hundreds of megabytes.
constexpr int64_t kRowsAtOnce = 1024;

[[noreturn]] void unreadable(const RowSource& source, std::string reason) {
  std::ranges::replace(reason, '\n', ' ');
  user_error("cannot read ", source.what, " ", source.path, " as Parquet: ", reason);
}

void check(const arrow::Status& status, const RowSource& source) {
  if (!status.ok()) unreadable(source, status.message());
}

template <typename T>
T value_of(arrow::Result<T> result, const RowSource& source) {
  check(result.status(), source);
  return std::move(result).ValueUnsafe();
}

void add_leaves(const parquet::arrow::SchemaField& field, std::vector<int>& leaves) {
  if (field.children.empty()) leaves.push_back(field.column_index);
  for (const auto& child : field.children) add_leaves(child, leaves);
}

// Parquet stores a nested column as its leaves; Guru's test cases are gigabytes that are not
// needed.
std::vector<int> leaves_of(const parquet::arrow::SchemaManifest& schema, const RowSource& source) {
  RETMASK_CHECK(!source.columns.empty(), source.what);
  std::vector<int> leaves;
  for (const auto& field : schema.schema_fields) {
    if (std::ranges::find(source.columns, field.field->name()) == source.columns.end()) continue;
    check_column_type(*field.field->type(),
                      source.path.string() + ": the column \"" + field.field->name() + "\"");
    add_leaves(field, leaves);
  }
  return leaves;
}

std::string column_names(const parquet::arrow::SchemaManifest& schema) {
  std::string names;
  for (const auto& field : schema.schema_fields) {
    names += (names.empty() ? "" : ", ") + field.field->name();
  }
  return names;
}

std::unique_ptr<parquet::arrow::FileReader> open(const RowSource& source) {
  const auto input = value_of(arrow::io::ReadableFile::Open(source.path.string()), source);
  parquet::arrow::FileReaderBuilder builder;
  check(builder.Open(input), source);
  parquet::ArrowReaderProperties properties;
  properties.set_batch_size(kRowsAtOnce);
  // JSON and UUID are also recognized by Parquet's logical types, whatever program wrote the file.
  properties.set_arrow_extensions_enabled(true);
  builder.properties(properties);
  return value_of(builder.Build(), source);
}

void visit_rows(const RowSource& source, const RowVisitor& visit) {
  const std::unique_ptr<parquet::arrow::FileReader> reader = open(source);
  const std::vector<int> leaves = leaves_of(reader->manifest(), source);
  if (leaves.empty()) {
    user_error(source.what,
               " ",
               source.path,
               " has none of the expected columns",
               source.hint.empty() ? "" : " (" + source.hint + ")",
               "; its columns: ",
               column_names(reader->manifest()));
  }
  std::vector<int> row_groups(static_cast<size_t>(reader->num_row_groups()));
  for (size_t i = 0; i < row_groups.size(); ++i) row_groups[i] = static_cast<int>(i);
  const std::shared_ptr<arrow::RecordBatchReader> batches =
      value_of(reader->GetRecordBatchReader(row_groups, leaves), source);

  int64_t number = 0;
  std::shared_ptr<arrow::RecordBatch> batch;
  while (true) {
    stop_point();
    check(batches->ReadNext(&batch), source);
    if (batch == nullptr) return;
    for (int64_t row = 0; row < batch->num_rows(); ++row) {
      const std::string where = source.path.string() + ":" + std::to_string(++number);
      visit(row_to_json(*batch, row, where), number, where);
    }
  }
}

}  // namespace

bool is_parquet(const fs::path& path) {
  if (path.extension() == ".parquet") return true;
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return false;
  std::array<char, 4> start{};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  return std::string_view(start.data(), start.size()) == "PAR1";
}

void for_each_parquet_row(const RowSource& source, const RowVisitor& visit) {
  std::error_code error;
  if (!fs::exists(source.path, error)) {
    user_error(source.what, " ", source.path, " does not exist");
  }
  try {
    visit_rows(source, visit);
  } catch (const parquet::ParquetException& exception) {
    unreadable(source, exception.what());
  }
}

}  // namespace retmask::rows
