#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "filters.h"
#include "numbers.h"
#include "operators.h"
#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

Value filter_abs(Runtime&, Call& call) {
  const Value& value = call[0];
  if (value.is_int()) return value.as_int() < 0 ? negated(value) : positive(value);
  if (value.is(Value::Kind::kFloat)) return Value::real(std::fabs(value.as_float()));
  type_error("bad operand type for abs(): '" + value.type_name() + "'");
}

// float(value), with Python's exceptions.
double to_float(const Value& value) {
  if (value.is_number()) return value.as_float();
  if (value.is_text()) {
    const auto number = parse_float(value.bytes());
    if (!number) value_error("could not convert string to float: " + repr_text(value.bytes()));
    return *number;
  }
  if (value.is_undefined()) {
    throw PythonError(PythonError::Type::kUndefined, value.undefined_message());
  }
  type_error("float() argument must be a string or a real number, not '" + value.type_name() + "'");
}

bool is_type_or_value_error(const PythonError& error) {
  return error.type() == PythonError::Type::kType || error.type() == PythonError::Type::kValue;
}

Value filter_float(Runtime&, Call& call) {
  try {
    return Value::real(to_float(call[0]));
  } catch (const PythonError& error) {
    if (!is_type_or_value_error(error)) throw;
  }
  return call.has(1) ? call[1] : Value::real(0);
}

Int to_int(const Value& value, const Value& base) {
  if (value.is_text()) {
    const int64_t number_base = base.is_missing() ? 10 : index_of(base);
    if (number_base != 0 && (number_base < 2 || number_base > 36)) {
      value_error("int() base must be >= 2 and <= 36, or 0");
    }
    const auto number = parse_int(value.bytes(), static_cast<int>(number_base));
    if (!number) value_error("invalid literal for int(): " + repr_text(value.bytes()));
    return *number;
  }
  if (value.is_int()) return value.as_int();
  if (value.is(Value::Kind::kFloat)) return int_of_float(value.as_float());
  if (value.is_undefined()) {
    throw PythonError(PythonError::Type::kUndefined, value.undefined_message());
  }
  type_error("int() argument must be a string or a real number, not '" + value.type_name() + "'");
}

Value filter_int(Runtime&, Call& call) {
  const Value otherwise = call.has(1) ? call[1] : Value::integer(0);
  try {
    return Value::integer(to_int(call[0], call[2]));
  } catch (const PythonError& error) {
    if (!is_type_or_value_error(error)) throw;
  }
  // "42.23" | int is 42.
  try {
    return Value::integer(int_of_float(to_float(call[0])));
  } catch (const PythonError& error) {
    if (!is_type_or_value_error(error) && error.type() != PythonError::Type::kOverflow) throw;
  }
  return otherwise;
}

// round(value, digits): exact in the float's decimal digits, ties to even.
double round_float(double value, int64_t digits) {
  if (!std::isfinite(value) || digits > 330) return value;
  if (digits < -310) return std::copysign(0.0, value);
  if (digits >= 0) {
    std::array<char, 800> buffer{};
    std::snprintf(buffer.data(), buffer.size(), "%.*f", static_cast<int>(digits), value);
    return std::strtod(buffer.data(), nullptr);
  }
  const double scale = std::pow(10.0, static_cast<double>(-digits));
  return std::nearbyint(value / scale) * scale;
}

Int round_int(Int value, int64_t digits) {
  if (digits >= 0) return value;
  if (digits < -38) return 0;
  Int scale = 1;
  for (int64_t i = 0; i < -digits; ++i) scale *= 10;
  const Int rest = ((value % scale) + scale) % scale;
  const Int low = value - rest;
  const Int twice = 2 * rest;
  const bool up = twice > scale || (twice == scale && (low / scale) % 2 != 0);
  return up ? low + scale : low;
}

Value filter_round(Runtime& runtime, Call& call) {
  const Value& value = call[0];
  std::string method = "common";
  if (call.has(2)) method = call[2].is_text() ? call[2].bytes() : "";
  if (method != "common" && method != "ceil" && method != "floor") {
    throw PythonError(PythonError::Type::kTemplate, "method must be common, ceil or floor");
  }
  if (!value.is_number()) {
    if (value.is_undefined() && method != "common") {
      throw PythonError(PythonError::Type::kUndefined, value.undefined_message());
    }
    type_error("type " + value.type_name() + " doesn't define __round__ method");
  }
  const Value precision = call.has(1) ? call[1] : Value::integer(0);
  if (method == "common") {
    if (precision.is_none()) {
      if (value.is_int()) return positive(value);
      return Value::integer(int_of_float(std::nearbyint(value.as_float())));
    }
    const int64_t digits = index_of(precision);
    if (value.is_int()) return Value::integer(round_int(value.as_int(), digits));
    return Value::real(round_float(value.as_float(), digits));
  }
  const Value scale = power(Value::integer(10), precision);
  const Value scaled = multiply(runtime, value, scale);
  Value whole = scaled;
  if (scaled.is(Value::Kind::kFloat)) {
    const double number = scaled.as_float();
    whole = Value::integer(int_of_float(method == "ceil" ? std::ceil(number) : std::floor(number)));
  }
  return divide(whole, scale);
}

Value filter_filesizeformat(Runtime& runtime, Call& call) {
  const double bytes = to_float(call[0]);
  const bool binary = call.flag(runtime, 1);
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return Value::text("1 Byte");
  if (bytes < base) return Value::text(int_text(int_of_float(bytes)) + " Bytes");
  constexpr std::string_view kPrefixes = "kMGTPEZY";
  std::array<char, 400> buffer{};
  for (size_t i = 0; i < kPrefixes.size(); ++i) {
    const double unit = std::pow(base, static_cast<double>(i + 2));
    // A NaN always gets the largest unit.
    if (!(bytes < unit) && i + 1 < kPrefixes.size()) continue;
    const double shown = std::fabs(base * bytes / unit);  // the sign of a NaN is not shown
    std::snprintf(buffer.data(), buffer.size(), "%.1f ", shown);
    const char prefix = binary && i == 0 ? 'K' : kPrefixes[i];
    return Value::text(std::string(buffer.data()) + prefix + (binary ? "iB" : "B"));
  }
  return {};
}

constexpr Function kNumberFilters[] = {
    {"abs", "x, /", filter_abs},
    {"filesizeformat", "value, binary?", filter_filesizeformat},
    {"float", "value, default?", filter_float},
    {"int", "value, default?, base?", filter_int},
    {"round", "value, precision?, method?", filter_round},
};

}  // namespace

const Function* find_number_filter(std::string_view name) {
  return find_in_table(kNumberFilters, name);
}

}  // namespace retmask::jinja
