// Parquet through Arrow, turned into the same JSON rows that the other formats give.

#include <arrow/api.h>
#include <arrow/io/file.h>
#include <parquet/arrow/reader.h>
#include <parquet/arrow/schema.h>

#include <algorithm>

#include "arrow_bounds.h"
#include "prompt_rows.h"
#include "retmask/base/error.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

// Arrow's own 65,536 conversations would be hundreds of megabytes.
constexpr int64_t kRowsAtOnce = 1024;

[[noreturn]] void unreadable(const fs::path& file, std::string reason) {
  std::ranges::replace(reason, '\n', ' ');
  user_error("cannot read prompt file ", file, " as Parquet: ", reason);
}

void check(const arrow::Status& status, const fs::path& file) {
  if (!status.ok()) unreadable(file, status.message());
}

template <typename T>
T value_of(arrow::Result<T> result, const fs::path& file) {
  check(result.status(), file);
  return std::move(result).ValueUnsafe();
}

Json to_json(const arrow::Array& array, int64_t row);

template <typename ListArray>
Json list_to_json(const ListArray& list, int64_t row) {
  Json items = Json::array();
  const int64_t begin = list.value_offset(row);
  for (int64_t i = 0; i < list.value_length(row); ++i) {
    items.push_back(to_json(*list.values(), begin + i));
  }
  return items;
}

Json struct_to_json(const arrow::StructArray& array, int64_t row) {
  Json object = Json::object();
  for (int i = 0; i < array.num_fields(); ++i) {
    // field(i) is cut to the struct's own offset, so the row needs no shift.
    object[array.struct_type()->field(i)->name()] = to_json(*array.field(i), row);
  }
  return object;
}

template <typename ArrayType>
Json value_to_json(const arrow::Array& array, int64_t row) {
  return static_cast<const ArrayType&>(array).Value(row);
}

template <typename ArrayType>
Json text_to_json(const arrow::Array& array, int64_t row) {
  return static_cast<const ArrayType&>(array).GetString(row);
}

Json to_json(const arrow::Array& array, int64_t row) {
  if (array.IsNull(row)) return nullptr;
  check_bounds(array, row);
  using arrow::Type;
  switch (array.type_id()) {
    case Type::BOOL:
      return value_to_json<arrow::BooleanArray>(array, row);
    case Type::INT8:
      return value_to_json<arrow::Int8Array>(array, row);
    case Type::INT16:
      return value_to_json<arrow::Int16Array>(array, row);
    case Type::INT32:
      return value_to_json<arrow::Int32Array>(array, row);
    case Type::INT64:
      return value_to_json<arrow::Int64Array>(array, row);
    case Type::UINT8:
      return value_to_json<arrow::UInt8Array>(array, row);
    case Type::UINT16:
      return value_to_json<arrow::UInt16Array>(array, row);
    case Type::UINT32:
      return value_to_json<arrow::UInt32Array>(array, row);
    case Type::UINT64:
      return value_to_json<arrow::UInt64Array>(array, row);
    case Type::FLOAT:
      return value_to_json<arrow::FloatArray>(array, row);
    case Type::DOUBLE:
      return value_to_json<arrow::DoubleArray>(array, row);
    case Type::STRING:
    case Type::BINARY:
      return text_to_json<arrow::BinaryArray>(array, row);
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY:
      return text_to_json<arrow::LargeBinaryArray>(array, row);
    case Type::LIST:
      return list_to_json(static_cast<const arrow::ListArray&>(array), row);
    case Type::LARGE_LIST:
      return list_to_json(static_cast<const arrow::LargeListArray&>(array), row);
    case Type::FIXED_SIZE_LIST:
      return list_to_json(static_cast<const arrow::FixedSizeListArray&>(array), row);
    case Type::STRUCT:
      return struct_to_json(static_cast<const arrow::StructArray&>(array), row);
    case Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
      return to_json(*dictionary.dictionary(), dictionary.GetValueIndex(row));
    }
    default:
      // Dates, decimals and the like beside a prompt: their text does.
      return array.GetScalar(row).ValueOrDie()->ToString();
  }
}

Json row_to_json(const arrow::RecordBatch& batch, int64_t row) {
  Json object = Json::object();
  for (int i = 0; i < batch.num_columns(); ++i) {
    object[batch.column_name(i)] = to_json(*batch.column(i), row);
  }
  return object;
}

void add_leaves(const parquet::arrow::SchemaField& field, std::vector<int>& leaves) {
  if (field.children.empty()) leaves.push_back(field.column_index);
  for (const auto& child : field.children) add_leaves(child, leaves);
}

// Parquet stores a nested column as its leaves; Guru's test cases alone are gigabytes that we need
// not read.
std::vector<int> leaves_of(const parquet::arrow::SchemaManifest& schema,
                           const std::vector<std::string>& columns) {
  std::vector<int> leaves;
  for (const auto& field : schema.schema_fields) {
    if (std::ranges::find(columns, field.field->name()) != columns.end()) add_leaves(field, leaves);
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

void visit_rows(const fs::path& file,
                const std::vector<std::string>& columns,
                const RowVisitor& visit) {
  const auto input = value_of(arrow::io::ReadableFile::Open(file.string()), file);
  const std::unique_ptr<parquet::arrow::FileReader> reader =
      value_of(parquet::arrow::OpenFile(input, arrow::default_memory_pool()), file);

  const std::vector<int> leaves = leaves_of(reader->manifest(), columns);
  if (leaves.empty()) {
    user_error("prompt file ",
               file,
               " has no prompt column (--prompt-field names one); its columns: ",
               column_names(reader->manifest()));
  }
  reader->set_batch_size(kRowsAtOnce);
  std::vector<int> row_groups(static_cast<size_t>(reader->num_row_groups()));
  for (size_t i = 0; i < row_groups.size(); ++i) row_groups[i] = static_cast<int>(i);
  const std::shared_ptr<arrow::RecordBatchReader> batches =
      value_of(reader->GetRecordBatchReader(row_groups, leaves), file);

  int64_t line = 0;
  std::shared_ptr<arrow::RecordBatch> batch;
  while (true) {
    check(batches->ReadNext(&batch), file);
    if (batch == nullptr) return;
    for (int64_t row = 0; row < batch->num_rows(); ++row) visit(row_to_json(*batch, row), ++line);
  }
}

}  // namespace

void for_each_parquet_row(const fs::path& file,
                          const std::vector<std::string>& columns,
                          const RowVisitor& visit) {
  try {
    visit_rows(file, columns, visit);
  } catch (const parquet::ParquetException& exception) {
    unreadable(file, exception.what());
  }
}

}  // namespace retmask::synthesize
