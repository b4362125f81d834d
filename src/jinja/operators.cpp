#include "operators.h"

#include <cmath>
#include <cstring>
#include <limits>

#include "dict.h"
#include "format.h"
#include "html.h"
#include "numbers.h"
#include "objects.h"
#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

using Kind = Value::Kind;

constexpr size_t kBytesPerStep = 64;  // of strings that are scanned

[[noreturn]] void bad_operands(const char* symbol, const Value& a, const Value& b) {
  for (const Value* value : {&a, &b}) {
    if (value->is_undefined()) {
      throw PythonError(PythonError::Type::kUndefined, value->undefined_message());
    }
  }
  type_error(std::string("unsupported operand type(s) for ") + symbol + ": '" + a.type_name() +
             "' and '" + b.type_name() + "'");
}

[[noreturn]] void too_large() { unsupported("an integer of more than 128 bits"); }

[[noreturn]] void zero_division() {
  throw PythonError(PythonError::Type::kZeroDivision, "division by zero");
}

bool both_numbers(const Value& a, const Value& b) { return a.is_number() && b.is_number(); }
bool both_ints(const Value& a, const Value& b) { return a.is_int() && b.is_int(); }

// -1, 0, 1; 2 if one is NaN.
int compare_numbers(const Value& a, const Value& b) {
  if (both_ints(a, b)) return a.as_int() < b.as_int() ? -1 : a.as_int() > b.as_int() ? 1 : 0;
  const auto wide = [](const Value& value) {
    return value.is_int() ? static_cast<long double>(value.as_int())
                          : static_cast<long double>(value.as_float());
  };
  const long double x = wide(a);
  const long double y = wide(b);
  if (std::isnan(x) || std::isnan(y)) return 2;
  return x < y ? -1 : x > y ? 1 : 0;
}

bool satisfies(int comparison, Order order) {
  if (comparison == 2) return false;
  switch (order) {
    case Order::kLess:
      return comparison < 0;
    case Order::kLessEqual:
      return comparison <= 0;
    case Order::kGreater:
      return comparison > 0;
    case Order::kGreaterEqual:
      return comparison >= 0;
  }
  return false;
}

bool equal_items(Runtime& runtime, const Items& a, const Items& b) {
  if (a.size() != b.size()) return false;
  runtime.step(static_cast<int64_t>(a.size()));
  for (size_t i = 0; i < a.size(); ++i) {
    if (!equal(runtime, a[i], b[i])) return false;
  }
  return true;
}

bool equal_dicts(Runtime& runtime, const Dict& a, const Dict& b) {
  if (a.size() != b.size()) return false;
  runtime.step(static_cast<int64_t>(a.size()));
  for (const auto& [key, value] : a.entries()) {
    const Value* other = b.find(key);
    if (other == nullptr || !equal(runtime, value, *other)) return false;
  }
  return true;
}

// Python's limit on a repeat count, whatever is repeated.
void check_count(Int count) {
  if (count > std::numeric_limits<int64_t>::max() || count < std::numeric_limits<int64_t>::min()) {
    throw PythonError(PythonError::Type::kOverflow, "cannot fit 'int' into an index-sized integer");
  }
}

Items repeated(Runtime& runtime, const Items& items, Int count) {
  Items out;
  check_count(count);
  runtime.charge(count, items.size() * sizeof(Value));
  if (items.empty() || count <= 0) return out;
  out.reserve(items.size() * static_cast<size_t>(count));
  for (Int i = 0; i < count; ++i) out.insert(out.end(), items.begin(), items.end());
  return out;
}

std::string repeated(Runtime& runtime, const std::string& text, Int count) {
  std::string out;
  check_count(count);
  runtime.charge(count, text.size());
  if (text.empty() || count <= 0) return out;
  out.reserve(text.size() * static_cast<size_t>(count));
  for (Int i = 0; i < count; ++i) out += text;
  return out;
}

double float_modulo(double x, double y) {
  if (y == 0) zero_division();
  double rest = std::fmod(x, y);
  if (rest != 0) {
    if ((y < 0) != (rest < 0)) rest += y;
  } else {
    rest = std::copysign(0.0, y);
  }
  return rest;
}

double float_floor_divide(double x, double y) {
  if (y == 0) zero_division();
  double rest = std::fmod(x, y);
  double quotient = (x - rest) / y;
  if (rest != 0 && (y < 0) != (rest < 0)) quotient -= 1.0;
  if (quotient == 0) return std::copysign(0.0, x / y);
  double whole = std::floor(quotient);
  if (quotient - whole > 0.5) whole += 1.0;
  return whole;
}

class ItemsIterator : public Iterator {
 public:
  ItemsIterator(Value holder, bool reversed)
      : Iterator(holder.depth() + 1), holder_(std::move(holder)), reversed_(reversed) {}

  bool next(Runtime&, Value& item) override {
    const Items& items = holder_.items();
    if (at_ >= items.size()) return false;
    item = items[reversed_ ? items.size() - 1 - at_ : at_];
    ++at_;
    return true;
  }

 private:
  Value holder_;
  bool reversed_;
  size_t at_ = 0;
};

class TextIterator : public Iterator {
 public:
  explicit TextIterator(Value text) : Iterator(1), text_(std::move(text)) {}

  bool next(Runtime&, Value& item) override {
    const std::string& bytes = text_.bytes();
    if (at_ >= bytes.size()) return false;
    const size_t start = at_;
    decode_at(bytes, at_);
    item = Value::text(bytes.substr(start, at_ - start));
    return true;
  }

 private:
  Value text_;
  size_t at_ = 0;
};

class KeysIterator : public Iterator {
 public:
  KeysIterator(Value dict, bool reversed)
      : Iterator(dict.depth() + 1), dict_(std::move(dict)), reversed_(reversed) {}

  bool next(Runtime&, Value& item) override {
    const auto& entries = dict_.dict_data().entries();
    if (at_ >= entries.size()) return false;
    item = entries[reversed_ ? entries.size() - 1 - at_ : at_].first;
    ++at_;
    return true;
  }

 private:
  Value dict_;
  bool reversed_;
  size_t at_ = 0;
};

class EmptyIterator : public Iterator {
 public:
  EmptyIterator() : Iterator(1) {}
  bool next(Runtime&, Value&) override { return false; }
};

std::string repr_items(Runtime& runtime, const Items& items, bool is_tuple) {
  std::string out(1, is_tuple ? '(' : '[');
  for (size_t i = 0; i < items.size(); ++i) {
    if (i > 0) out += ", ";
    out += repr(runtime, items[i]);
  }
  if (is_tuple && items.size() == 1) out += ',';
  return out + (is_tuple ? ')' : ']');
}

std::string repr_dict(Runtime& runtime, const Dict& dict) {
  std::string out = "{";
  for (const auto& [key, value] : dict.entries()) {
    if (out.size() > 1) out += ", ";
    out += repr(runtime, key) + ": " + repr(runtime, value);
  }
  return out + "}";
}

}  // namespace

bool truthy(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::kMissing:
    case Kind::kUndefined:
    case Kind::kNone:
      return false;
    case Kind::kBool:
      return value.as_bool();
    case Kind::kInt:
      return value.as_int() != 0;
    case Kind::kFloat:
      return value.as_float() != 0;
    case Kind::kText:
      return !value.bytes().empty();
    case Kind::kList:
    case Kind::kTuple:
      return !value.items().empty();
    case Kind::kDict:
      return value.dict_data().size() > 0;
    case Kind::kObject:
      return value.object()->length(runtime).value_or(1) > 0;
  }
  return false;
}

bool equal(Runtime& runtime, const Value& a, const Value& b) {
  if (both_numbers(a, b)) return compare_numbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  runtime.check_stack();
  switch (a.kind()) {
    case Kind::kMissing:
    case Kind::kUndefined:
    case Kind::kNone:
      return true;
    case Kind::kText:
      if (a.bytes().size() == b.bytes().size()) {
        runtime.step(static_cast<int64_t>(a.bytes().size() / kBytesPerStep));
      }
      return a.bytes() == b.bytes();
    case Kind::kList:
    case Kind::kTuple:
      return equal_items(runtime, a.items(), b.items());
    case Kind::kDict:
      return equal_dicts(runtime, a.dict_data(), b.dict_data());
    case Kind::kObject:
      return a.object()->equals(runtime, *b.object());
    default:
      return false;
  }
}

bool equal_keys(const Value& a, const Value& b) {
  if (both_numbers(a, b)) return compare_numbers(a, b) == 0;
  if (a.kind() != b.kind()) return false;
  if (a.is_text()) return a.bytes() == b.bytes();
  if (!a.is_tuple()) return a.is_undefined() || a.is_same_object(b);
  if (a.items().size() != b.items().size()) return false;
  for (size_t i = 0; i < a.items().size(); ++i) {
    if (!equal_keys(a.items()[i], b.items()[i])) return false;
  }
  return true;
}

bool ordered(Runtime& runtime, const Value& a, Order order, const Value& b) {
  if (both_numbers(a, b)) return satisfies(compare_numbers(a, b), order);
  if (a.is_text() && b.is_text()) {
    // UTF-8 byte order equals code point order.
    runtime.step(
        static_cast<int64_t>(std::min(a.bytes().size(), b.bytes().size()) / kBytesPerStep));
    const int comparison = a.bytes().compare(b.bytes());
    return satisfies(comparison < 0 ? -1 : comparison > 0 ? 1 : 0, order);
  }
  if ((a.is_list() && b.is_list()) || (a.is_tuple() && b.is_tuple())) {
    runtime.check_stack();
    const Items& x = a.items();
    const Items& y = b.items();
    const size_t common = std::min(x.size(), y.size());
    for (size_t i = 0; i < common; ++i) {
      runtime.step();
      if (!equal(runtime, x[i], y[i])) return ordered(runtime, x[i], order, y[i]);
    }
    return satisfies(x.size() < y.size() ? -1 : x.size() > y.size() ? 1 : 0, order);
  }
  constexpr const char* kSymbols[] = {"<", "<=", ">", ">="};
  const char* symbol = kSymbols[static_cast<int>(order)];
  for (const Value* value : {&a, &b}) {
    if (value->is_undefined()) bad_operands(symbol, a, b);
  }
  type_error(std::string("'") + symbol + "' not supported between instances of '" + a.type_name() +
             "' and '" + b.type_name() + "'");
}

bool contains(Runtime& runtime, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::kText: {
      if (!item.is_text()) {
        type_error("'in <string>' requires string as left operand, not " + item.type_name());
      }
      const std::string& bytes = container.bytes();
      runtime.step(static_cast<int64_t>(bytes.size() / kBytesPerStep));
      return item.bytes().empty() ||
             memmem(bytes.data(), bytes.size(), item.bytes().data(), item.bytes().size()) !=
                 nullptr;
    }
    case Kind::kList:
    case Kind::kTuple:
      for (const Value& candidate : container.items()) {
        runtime.step();
        if (equal(runtime, candidate, item)) return true;
      }
      return false;
    case Kind::kDict:
      return container.dict_data().find(item) != nullptr;
    case Kind::kUndefined:
      return false;
    case Kind::kObject:
      return container.object()->contains(runtime, item);
    default:
      type_error("argument of type '" + container.type_name() + "' is not iterable");
  }
}

bool Object::contains(Runtime& runtime, const Value& item) {
  const IteratorPtr iterator = iterate(runtime);
  if (!iterator) type_error("argument of type '" + type_name() + "' is not iterable");
  Value candidate;
  while (iterator->next(runtime, candidate)) {
    runtime.step();
    if (equal(runtime, candidate, item)) return true;
  }
  return false;
}

Value add(Runtime& runtime, const Value& a, const Value& b) {
  if (both_ints(a, b)) {
    Int sum = 0;
    if (__builtin_add_overflow(a.as_int(), b.as_int(), &sum)) too_large();
    return Value::integer(sum);
  }
  if (both_numbers(a, b)) return Value::real(a.as_float() + b.as_float());
  if (a.is_text() && b.is_text()) {
    runtime.charge(a.bytes().size() + b.bytes().size());
    if (a.is_markup() || b.is_markup()) return Value::markup(escape_soft(a) + escape_soft(b));
    return Value::text(a.bytes() + b.bytes());
  }
  if ((a.is_list() && b.is_list()) || (a.is_tuple() && b.is_tuple())) {
    runtime.charge((a.items().size() + b.items().size()) * sizeof(Value));
    Items items = a.items();
    items.insert(items.end(), b.items().begin(), b.items().end());
    return a.is_list() ? Value::list(std::move(items)) : Value::tuple(std::move(items));
  }
  bad_operands("+", a, b);
}

Value subtract(const Value& a, const Value& b) {
  if (both_ints(a, b)) {
    Int difference = 0;
    if (__builtin_sub_overflow(a.as_int(), b.as_int(), &difference)) too_large();
    return Value::integer(difference);
  }
  if (both_numbers(a, b)) return Value::real(a.as_float() - b.as_float());
  bad_operands("-", a, b);
}

Value multiply(Runtime& runtime, const Value& a, const Value& b) {
  if (both_ints(a, b)) {
    Int product = 0;
    if (__builtin_mul_overflow(a.as_int(), b.as_int(), &product)) too_large();
    return Value::integer(product);
  }
  if (both_numbers(a, b)) return Value::real(a.as_float() * b.as_float());
  const Value& whole = a.is_int() ? b : a;
  const Value& count = a.is_int() ? a : b;
  if (count.is_int()) {
    if (whole.is_text()) {
      return Value::text_like(repeated(runtime, whole.bytes(), count.as_int()), whole.is_markup());
    }
    if (whole.is_list()) return Value::list(repeated(runtime, whole.items(), count.as_int()));
    if (whole.is_tuple()) return Value::tuple(repeated(runtime, whole.items(), count.as_int()));
  }
  bad_operands("*", a, b);
}

Value divide(const Value& a, const Value& b) {
  if (!both_numbers(a, b)) bad_operands("/", a, b);
  if (b.as_float() == 0) zero_division();
  if (both_ints(a, b)) {
    // Rounded once, as in Python.
    return Value::real(static_cast<double>(static_cast<long double>(a.as_int()) /
                                           static_cast<long double>(b.as_int())));
  }
  return Value::real(a.as_float() / b.as_float());
}

Value floor_divide(const Value& a, const Value& b) {
  if (!both_numbers(a, b)) bad_operands("//", a, b);
  if (!both_ints(a, b)) return Value::real(float_floor_divide(a.as_float(), b.as_float()));
  const Int x = a.as_int();
  const Int y = b.as_int();
  if (y == 0) zero_division();
  if (y == -1) return negated(a);
  const Int quotient = x / y;
  return Value::integer(x % y != 0 && (x < 0) != (y < 0) ? quotient - 1 : quotient);
}

Value modulo(Runtime& runtime, const Value& a, const Value& b) {
  if (a.is_text()) return printf_format(runtime, a, b);
  if (!both_numbers(a, b)) bad_operands("%", a, b);
  if (!both_ints(a, b)) return Value::real(float_modulo(a.as_float(), b.as_float()));
  const Int x = a.as_int();
  const Int y = b.as_int();
  if (y == 0) zero_division();
  if (y == -1) return Value::integer(0);
  const Int rest = x % y;
  return Value::integer(rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest);
}

Value power(const Value& a, const Value& b) {
  if (!both_numbers(a, b)) bad_operands("** or pow()", a, b);
  if (both_ints(a, b) && b.as_int() >= 0) {
    Int base = a.as_int();
    Int exponent = b.as_int();
    Int result = 1;
    if (base == 0 || base == 1) return Value::integer(exponent == 0 ? 1 : base);
    if (base == -1) return Value::integer(exponent % 2 == 0 ? 1 : -1);
    while (exponent > 0) {
      if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) too_large();
      exponent >>= 1;
      if (exponent > 0 && __builtin_mul_overflow(base, base, &base)) too_large();
    }
    return Value::integer(result);
  }
  const double x = a.as_float();
  const double y = b.as_float();
  if (x == 0 && y < 0) {
    throw PythonError(PythonError::Type::kZeroDivision, "0.0 cannot be raised to a negative power");
  }
  if (x < 0 && std::isfinite(x) && std::isfinite(y) && std::floor(y) != y) {
    unsupported("a power that is a complex number");
  }
  const double result = std::pow(x, y);
  if (std::isinf(result) && std::isfinite(x) && std::isfinite(y)) {
    throw PythonError(PythonError::Type::kOverflow, "the power is too large for a float");
  }
  return Value::real(result);
}

Value negated(const Value& a) {
  if (a.is_int()) {
    Int result = 0;
    if (__builtin_sub_overflow(Int{0}, a.as_int(), &result)) too_large();
    return Value::integer(result);
  }
  if (a.is(Kind::kFloat)) return Value::real(-a.as_float());
  if (a.is_undefined()) bad_operands("-", a, a);
  type_error("bad operand type for unary -: '" + a.type_name() + "'");
}

Value positive(const Value& a) {
  if (a.is_int()) return Value::integer(a.as_int());
  if (a.is(Kind::kFloat)) return a;
  if (a.is_undefined()) bad_operands("+", a, a);
  type_error("bad operand type for unary +: '" + a.type_name() + "'");
}

namespace {

// Index of `key` in a sequence of `size`; negative keys count from the end.
size_t checked_place(const Value& key, size_t size, const std::string& what) {
  if (!key.is_int()) type_error(what + " indices must be integers");
  int64_t at = index_of(key);
  if (at < 0) at += static_cast<int64_t>(size);
  if (at < 0 || at >= static_cast<int64_t>(size)) lookup_error(what + " index out of range");
  return static_cast<size_t>(at);
}

}  // namespace

Value subscript(Runtime& runtime, const Value& object, const Value& key) {
  switch (object.kind()) {
    case Kind::kText: {
      const Text& text = object.text_data();
      const size_t place = checked_place(key, text.length, "string");
      if (text.is_ascii()) return Value::text_like({text.bytes[place]}, text.is_markup);
      runtime.step(static_cast<int64_t>(place / kBytesPerStep));
      const size_t start = byte_offset(text.bytes, place);
      size_t end = start;
      decode_at(text.bytes, end);
      return Value::text_like(text.bytes.substr(start, end - start), text.is_markup);
    }
    case Kind::kList:
    case Kind::kTuple:
      return object.items()[checked_place(key, object.items().size(), object.type_name())];
    case Kind::kDict: {
      const Value* found = object.dict_data().find(key);
      if (found == nullptr) lookup_error("no such key");
      return *found;
    }
    case Kind::kUndefined:
      throw PythonError(PythonError::Type::kUndefined, object.undefined_message());
    case Kind::kObject:
      return object.object()->item(runtime, key);
    default:
      type_error("'" + object.type_name() + "' object is not subscriptable");
  }
}

SlicePlaces slice_places(int64_t length, const Value& start, const Value& stop, const Value& step) {
  const auto read = [](const Value& value) {
    if (!value.is_int()) {
      type_error("slice indices must be integers or None or have an __index__ method");
    }
    // Far from overflow when a length is added or subtracted.
    constexpr int64_t kFar = int64_t{1} << 61;
    return std::clamp(index_of(value), -kFar, kFar);
  };
  const int64_t by = step.is_none() ? 1 : read(step);
  if (by == 0) value_error("slice step cannot be zero");
  const int64_t low = by < 0 ? -1 : 0;
  const int64_t high = by < 0 ? length - 1 : length;
  const auto place = [&](const Value& value, int64_t otherwise) {
    if (value.is_none()) return otherwise;
    int64_t at = read(value);
    if (at < 0) at += length;
    return std::clamp(at, low, high);
  };
  const int64_t from = place(start, by < 0 ? high : low);
  const int64_t to = place(stop, by < 0 ? low : high);
  int64_t count = 0;
  if (by > 0 && from < to) count = (to - from - 1) / by + 1;
  if (by < 0 && to < from) count = (from - to - 1) / -by + 1;
  return {from, count, by};
}

Value slice(Runtime& runtime,
            const Value& object,
            const Value& start,
            const Value& stop,
            const Value& step) {
  switch (object.kind()) {
    case Kind::kText: {
      const Text& text = object.text_data();
      const SlicePlaces places = slice_places(static_cast<int64_t>(text.length), start, stop, step);
      runtime.charge(static_cast<size_t>(places.count));
      if (places.count == 0) return Value::text_like("", text.is_markup);
      if (places.step == 1) {
        const size_t from = text.is_ascii()
                                ? static_cast<size_t>(places.start)
                                : byte_offset(text.bytes, static_cast<size_t>(places.start));
        const std::string_view rest = std::string_view(text.bytes).substr(from);
        const size_t size = text.is_ascii() ? static_cast<size_t>(places.count)
                                            : byte_offset(rest, static_cast<size_t>(places.count));
        return Value::text_like(std::string(rest.substr(0, size)), text.is_markup);
      }
      const std::u32string points = to_code_points(text.bytes);
      std::string out;
      for (int64_t i = 0; i < places.count; ++i) {
        append_code_point(out, points[static_cast<size_t>(places.start + i * places.step)]);
      }
      return Value::text_like(std::move(out), text.is_markup);
    }
    case Kind::kList:
    case Kind::kTuple: {
      const Items& items = object.items();
      const SlicePlaces places =
          slice_places(static_cast<int64_t>(items.size()), start, stop, step);
      runtime.charge(static_cast<size_t>(places.count) * sizeof(Value));
      Items out;
      for (int64_t i = 0; i < places.count; ++i) {
        out.push_back(items[static_cast<size_t>(places.start + i * places.step)]);
      }
      return object.is_list() ? Value::list(std::move(out)) : Value::tuple(std::move(out));
    }
    case Kind::kUndefined:
      throw PythonError(PythonError::Type::kUndefined, object.undefined_message());
    case Kind::kDict:
      type_error("unhashable type: 'slice'");
    case Kind::kObject:
      return object.object()->slice(runtime, start, stop, step);
    default:
      type_error("'" + object.type_name() + "' object is not subscriptable");
  }
}

size_t length_of(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::kText:
      return value.text_data().length;
    case Kind::kList:
    case Kind::kTuple:
      return value.items().size();
    case Kind::kDict:
      return value.dict_data().size();
    case Kind::kUndefined:
      return 0;
    case Kind::kObject:
      if (const auto length = value.object()->length(runtime)) return *length;
      [[fallthrough]];
    default:
      type_error("object of type '" + value.type_name() + "' has no len()");
  }
}

IteratorPtr iterate(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::kText:
      return std::make_shared<TextIterator>(value);
    case Kind::kList:
    case Kind::kTuple:
      return std::make_shared<ItemsIterator>(value, /*reversed=*/false);
    case Kind::kDict:
      return std::make_shared<KeysIterator>(value, /*reversed=*/false);
    case Kind::kUndefined:
      return std::make_shared<EmptyIterator>();
    case Kind::kObject:
      if (auto iterator = value.object()->iterate(runtime)) return iterator;
      [[fallthrough]];
    default:
      type_error("'" + value.type_name() + "' object is not iterable");
  }
}

IteratorPtr iterate_reversed(Runtime& runtime, const Value& value) {
  switch (value.kind()) {
    case Kind::kText: {
      Items items = to_items(runtime, value);
      return std::make_shared<ItemsIterator>(Value::list(std::move(items)), /*reversed=*/true);
    }
    case Kind::kList:
    case Kind::kTuple:
      return std::make_shared<ItemsIterator>(value, /*reversed=*/true);
    case Kind::kDict:
      return std::make_shared<KeysIterator>(value, /*reversed=*/true);
    case Kind::kUndefined:
      return std::make_shared<EmptyIterator>();
    case Kind::kObject:
      return value.object()->iterate_reversed(runtime);
    default:
      return nullptr;
  }
}

Items to_items(Runtime& runtime, const Value& value) {
  if (value.is_list() || value.is_tuple()) {
    runtime.charge(value.items().size() * sizeof(Value));
    return value.items();
  }
  Items items;
  const IteratorPtr iterator = iterate(runtime, value);
  // Each character of a string becomes a separate string.
  const size_t bytes = sizeof(Value) + (value.is_text() ? sizeof(Text) + 32 : 0);
  Value item;
  while (iterator->next(runtime, item)) {
    runtime.step(2);
    runtime.charge(bytes);
    items.push_back(std::move(item));
  }
  return items;
}

std::string str(Runtime& runtime, const Value& value) {
  if (value.is_text()) return value.bytes();
  if (value.is_undefined() || value.is_missing()) return "";
  return repr(runtime, value);
}

std::string repr(Runtime& runtime, const Value& value) {
  runtime.step(4);
  switch (value.kind()) {
    case Kind::kMissing:
    case Kind::kUndefined:
      return "Undefined";
    case Kind::kNone:
      return "None";
    case Kind::kBool:
      return value.as_bool() ? "True" : "False";
    case Kind::kInt:
      return int_text(value.as_int());
    case Kind::kFloat:
      return float_repr(value.as_float());
    case Kind::kText: {
      runtime.charge(value.bytes().size());
      const std::string text = repr_text(value.bytes());
      return value.is_markup() ? "Markup(" + text + ")" : text;
    }
    case Kind::kList:
    case Kind::kTuple: {
      runtime.check_stack();
      std::string out = repr_items(runtime, value.items(), value.is_tuple());
      runtime.charge(out.size());
      return out;
    }
    case Kind::kDict: {
      runtime.check_stack();
      std::string out = repr_dict(runtime, value.dict_data());
      runtime.charge(out.size());
      return out;
    }
    case Kind::kObject: {
      runtime.check_stack();
      std::string out = value.object()->repr(runtime);
      runtime.charge(out.size());
      return out;
    }
  }
  return "";
}

}  // namespace retmask::jinja
