#include <array>

#include "other_formats.h"
#include "retmask/base/error.h"
#include "retmask/checkpoint/safetensors.h"

namespace retmask {
namespace {

struct TypeRow {
  TensorType type;
  std::string_view name;
  size_t size;
};

constexpr std::array<TypeRow, 7> kTypes{{
    {TensorType::float32, "F32", 4},
    {TensorType::float16, "F16", 2},
    {TensorType::bfloat16, "BF16", 2},
    {TensorType::int64, "I64", 8},
    {TensorType::int32, "I32", 4},
    {TensorType::uint8, "U8", 1},
    {TensorType::boolean, "BOOL", 1},
}};

const TypeRow& row_of(TensorType type) {
  for (const TypeRow& row : kTypes) {
    if (row.type == type) return row;
  }
  RETMASK_CHECK(false, "tensor type ", static_cast<int>(type));
  return kTypes.front();  // unreachable
}

}  // namespace

size_t element_size(TensorType type) { return row_of(type).size; }

bool is_floating(TensorType type) {
  return type == TensorType::float32 || type == TensorType::float16 || type == TensorType::bfloat16;
}

std::string_view safetensors_name(TensorType type) { return row_of(type).name; }

TensorType tensor_type_from_name(std::string_view name, const std::string& where) {
  std::string known;
  for (const TypeRow& row : kTypes) {
    if (row.name == name) return row.type;
    known += (known.empty() ? "" : ", ") + std::string(row.name);
  }
  if (is_quantized_type(name))
    user_error(where, " has the type \"", name, "\": a quantized checkpoint", kDequantize);
  user_error(where, " has the type \"", name, "\", expected one of ", known);
}

int64_t TensorSpec::num_elements() const {
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return count;
}

size_t TensorSpec::num_bytes() const {
  return static_cast<size_t>(num_elements()) * element_size(type);
}

std::string format_shape(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i > 0 ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace retmask
