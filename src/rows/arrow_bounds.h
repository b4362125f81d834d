#pragma once
// Bounds checks for Arrow arrays. Arrow passes on offsets, lengths and indices as stored in the
// Parquet file; in a damaged or malicious file they may point outside the data.

#include <arrow/api.h>
#include <parquet/exception.h>

namespace retmask::rows {

template <typename ArrayType>
void check_stretch(const arrow::Array& array, int64_t row, int64_t size) {
  const auto& typed = static_cast<const ArrayType&>(array);
  const int64_t begin = typed.value_offset(row);
  const int64_t length = typed.value_length(row);
  if (begin < 0 || length < 0 || begin > size || length > size - begin) {
    throw parquet::ParquetException("a value's offsets point outside the data");
  }
}

// Throws ParquetException when the value of `row`, which must not be null, does not lie inside the
// array's own data. List elements are checked one by one when they are read.
inline void check_bounds(const arrow::Array& array, int64_t row) {
  using arrow::Type;
  switch (array.type_id()) {
    case Type::STRING:
    case Type::BINARY: {
      const auto& data = static_cast<const arrow::BinaryArray&>(array).value_data();
      return check_stretch<arrow::BinaryArray>(array, row, data == nullptr ? 0 : data->size());
    }
    case Type::LARGE_STRING:
    case Type::LARGE_BINARY: {
      const auto& data = static_cast<const arrow::LargeBinaryArray&>(array).value_data();
      return check_stretch<arrow::LargeBinaryArray>(array, row, data == nullptr ? 0 : data->size());
    }
    case Type::LIST:
    case Type::MAP: {
      const int64_t size = static_cast<const arrow::ListArray&>(array).values()->length();
      return check_stretch<arrow::ListArray>(array, row, size);
    }
    case Type::LARGE_LIST: {
      const int64_t size = static_cast<const arrow::LargeListArray&>(array).values()->length();
      return check_stretch<arrow::LargeListArray>(array, row, size);
    }
    case Type::LIST_VIEW: {
      const int64_t size = static_cast<const arrow::ListViewArray&>(array).values()->length();
      return check_stretch<arrow::ListViewArray>(array, row, size);
    }
    case Type::LARGE_LIST_VIEW: {
      const int64_t size = static_cast<const arrow::LargeListViewArray&>(array).values()->length();
      return check_stretch<arrow::LargeListViewArray>(array, row, size);
    }
    case Type::DICTIONARY: {
      const auto& dictionary = static_cast<const arrow::DictionaryArray&>(array);
      const int64_t index = dictionary.GetValueIndex(row);
      if (index < 0 || index >= dictionary.dictionary()->length()) {
        throw parquet::ParquetException("a dictionary has no value ", index);
      }
      return;
    }
    default:
      return;
  }
}

}  // namespace retmask::rows
