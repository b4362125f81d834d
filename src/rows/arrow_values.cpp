#include "arrow_values.h"

#include <arrow/api.h>
#include <arrow/extension_type.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "arrow_bounds.h"
#include "retmask/base/error.h"
#include "retmask/base/utf8.h"

namespace retmask::rows {
namespace {

using arrow::Type;

constexpr std::array<std::string_view, 9> kMessageFields = {
    "role", "from", "content", "value", "text", "type", "name", "tool_calls", "tools"};

std::string extension_name(const arrow::DataType& type) {
  if (type.id() != Type::EXTENSION) return "";
  return static_cast<const arrow::ExtensionType&>(type).extension_name();
}

bool is_text(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::STRING:
    case Type::LARGE_STRING:
    case Type::STRING_VIEW:
    case Type::BINARY:
    case Type::LARGE_BINARY:
    case Type::BINARY_VIEW:
      return true;
    case Type::DICTIONARY:
      return is_text(*static_cast<const arrow::DictionaryType&>(type).value_type());
    default:
      return false;
  }
}

// Whether values of the type have a JSON form. Structs have one, without fields that have none.
bool is_read(const arrow::DataType& type) {
  switch (type.id()) {
    case Type::NA:
    case Type::BOOL:
    case Type::INT8:
    case Type::INT16:
    case Type::INT32:
    case Type::INT64:
    case Type::UINT8:
    case Type::UINT16:
    case Type::UINT32:
    case Type::UINT64:
    case Type::FLOAT:
    case Type::DOUBLE:
    case Type::STRUCT:
      return true;
    case Type::LIST:
    case Type::LARGE_LIST:
    case Type::FIXED_SIZE_LIST:
    case Type::LIST_VIEW:
    case Type::LARGE_LIST_VIEW:
      return is_read(*type.field(0)->type());
    case Type::MAP: {
      const auto& map = static_cast<const arrow::MapType&>(type);
      return is_text(*map.key_type()) && is_read(*map.item_type());
    }
    case Type::DICTIONARY:
      return is_read(*static_cast<const arrow::DictionaryType&>(type).value_type());
    case Type::EXTENSION: {
      const std::string name = extension_name(type);
      return name == "arrow.json" || name == "arrow.uuid" || name == "arrow.bool8";
    }
    default:
      return is_text(type);
  }
}

[[noreturn]] void refuse(const arrow::DataType& type, const std::string& column) {
  user_error(
      column,
      " has the type ",
      type.ToString(),
      ", which is not read; expected text, numbers, true and false, JSON, and lists, structs "
      "and maps of them; convert the column");
}

// Converts the values of one row.
class RowValues {
 public:
  RowValues(const std::string& where, const std::string& column) : where_(where), column_(column) {}

  Json value(const arrow::Array& array, int64_t row) const {
    if (array.IsNull(row)) return nullptr;
    check_bounds(array, row);
    switch (array.type_id()) {
      case Type::BOOL:
        return number<arrow::BooleanArray>(array, row);
      case Type::INT8:
        return number<arrow::Int8Array>(array, row);
      case Type::INT16:
        return number<arrow::Int16Array>(array, row);
      case Type::INT32:
        return number<arrow::Int32Array>(array, row);
      case Type::INT64:
        return number<arrow::Int64Array>(array, row);
      case Type::UINT8:
        return number<arrow::UInt8Array>(array, row);
      case Type::UINT16:
        return number<arrow::UInt16Array>(array, row);
      case Type::UINT32:
        return number<arrow::UInt32Array>(array, row);
      case Type::UINT64:
        return number<arrow::UInt64Array>(array, row);
      case Type::FLOAT:
        return number<arrow::FloatArray>(array, row);
      case Type::DOUBLE:
        return number<arrow::DoubleArray>(array, row);
      case Type::STRING:
      case Type::BINARY:
        return text(static_cast<const arrow::BinaryArray&>(array).GetView(row));
      case Type::LARGE_STRING:
      case Type::LARGE_BINARY:
        return text(static_cast<const arrow::LargeBinaryArray&>(array).GetView(row));
      case Type::STRING_VIEW:
      case Type::BINARY_VIEW:
        return text(static_cast<const arrow::BinaryViewArray&>(array).GetView(row));
      case Type::LIST:
        return list(static_cast<const arrow::ListArray&>(array), row);
      case Type::LARGE_LIST:
        return list(static_cast<const arrow::LargeListArray&>(array), row);
      case Type::FIXED_SIZE_LIST:
        return list(static_cast<const arrow::FixedSizeListArray&>(array), row);
      case Type::LIST_VIEW:
        return list(static_cast<const arrow::ListViewArray&>(array), row);
      case Type::LARGE_LIST_VIEW:
        return list(static_cast<const arrow::LargeListViewArray&>(array), row);
      case Type::STRUCT:
        return structure(static_cast<const arrow::StructArray&>(array), row);
      case Type::MAP:
        return map(static_cast<const arrow::MapArray&>(array), row);
      case Type::DICTIONARY: {
        const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
        return value(*dictionary.dictionary(), dictionary.GetValueIndex(row));
      }
      case Type::EXTENSION:
        return extension(static_cast<const arrow::ExtensionArray&>(array), row);
      default:
        RETMASK_CHECK(false, array.type()->ToString());
    }
  }

 private:
  template <typename ArrayType>
  static Json number(const arrow::Array& array, int64_t row) {
    return static_cast<const ArrayType&>(array).Value(row);
  }

  Json text(std::string_view bytes) const {
    const size_t invalid = find_invalid_utf8(bytes);
    if (invalid != std::string_view::npos) {
      user_error(where_,
                 ": the column \"",
                 column_,
                 "\" holds text that is not valid UTF-8 (byte ",
                 invalid,
                 " of ",
                 bytes.size(),
                 ")");
    }
    return std::string(bytes);
  }

  template <typename ListArray>
  Json list(const ListArray& array, int64_t row) const {
    Json items = Json::array();
    const int64_t begin = array.value_offset(row);
    for (int64_t i = 0; i < array.value_length(row); ++i) {
      items.push_back(value(*array.values(), begin + i));
    }
    return items;
  }

  Json structure(const arrow::StructArray& array, int64_t row) const {
    Json object = Json::object();
    for (int i = 0; i < array.num_fields(); ++i) {
      const arrow::Field& field = *array.struct_type()->field(i);
      // field(i) is already sliced to the struct's offset, so the row needs no shift.
      if (is_read(*field.type())) object[field.name()] = value(*array.field(i), row);
    }
    return object;
  }

  Json map(const arrow::MapArray& array, int64_t row) const {
    Json object = Json::object();
    const int64_t begin = array.value_offset(row);
    for (int64_t i = 0; i < array.value_length(row); ++i) {
      const Json key = value(*array.keys(), begin + i);
      object[key.get_ref<const std::string&>()] = value(*array.items(), begin + i);
    }
    return object;
  }

  Json extension(const arrow::ExtensionArray& array, int64_t row) const {
    const std::string name = extension_name(*array.type());
    const arrow::Array& storage = *array.storage();
    if (name == "arrow.json") {
      const Json source = value(storage, row);
      if (!source.is_string()) return source;
      return parse_json(source.get_ref<const std::string&>(),
                        where_ + ": the column \"" + column_ + "\", whose type is JSON,");
    }
    if (name == "arrow.bool8") return static_cast<const arrow::Int8Array&>(storage).Value(row) != 0;
    RETMASK_CHECK(name == "arrow.uuid", name);
    return uuid_text(static_cast<const arrow::FixedSizeBinaryArray&>(storage).GetView(row));
  }

  static std::string uuid_text(std::string_view bytes) {
    constexpr char kDigits[] = "0123456789abcdef";
    std::string text;
    for (size_t i = 0; i < bytes.size(); ++i) {
      if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
      const auto byte = static_cast<unsigned char>(bytes[i]);
      text += kDigits[byte >> 4];
      text += kDigits[byte & 15];
    }
    return text;
  }

  const std::string& where_;
  const std::string& column_;
};

}  // namespace

void check_column_type(const arrow::DataType& type, const std::string& column) {
  if (!is_read(type)) refuse(type, column);
  switch (type.id()) {
    case Type::STRUCT:
      for (const auto& field : type.fields()) {
        const bool looked_at =
            std::ranges::find(kMessageFields, field->name()) != kMessageFields.end();
        if (looked_at || is_read(*field->type()))
          check_column_type(*field->type(), column + "." + field->name());
      }
      return;
    case Type::MAP:
      return check_column_type(*static_cast<const arrow::MapType&>(type).item_type(), column);
    case Type::DICTIONARY:
      return check_column_type(*static_cast<const arrow::DictionaryType&>(type).value_type(),
                               column);
    default:
      for (const auto& field : type.fields()) check_column_type(*field->type(), column);
  }
}

Json row_to_json(const arrow::RecordBatch& batch, int64_t row, const std::string& where) {
  Json object = Json::object();
  for (int i = 0; i < batch.num_columns(); ++i) {
    const std::string& name = batch.column_name(i);
    object[name] = RowValues(where, name).value(*batch.column(i), row);
  }
  return object;
}

}  // namespace retmask::rows
