#include "methods.h"

#include <array>
#include <cmath>
#include <cstdio>

#include "dict.h"
#include "html.h"
#include "numbers.h"
#include "objects.h"
#include "operators.h"

namespace retmask::jinja {
namespace {

// ---- markup, beside the methods of a str

Value markup_striptags(Runtime& runtime, Call& call) {
  runtime.charge(call[0].bytes().size());
  return Value::text(strip_tags(call[0].bytes()));
}

Value markup_unescape(Runtime& runtime, Call& call) {
  runtime.charge(call[0].bytes().size());
  return Value::text(unescape_html(call[0].bytes()));
}

constexpr Function kMarkupMethods[] = {{"striptags", "self, /", markup_striptags},
                                       {"unescape", "self, /", markup_unescape}};

// ---- list and tuple

Value sequence_count(Runtime& runtime, Call& call) {
  int64_t count = 0;
  for (const Value& item : call[0].items()) {
    runtime.step();
    count += equal(runtime, item, call[1]) ? 1 : 0;
  }
  return Value::integer(count);
}

Value sequence_index(Runtime& runtime, Call& call) {
  const Items& items = call[0].items();
  const auto length = static_cast<int64_t>(items.size());
  const auto place = [&](size_t parameter, int64_t otherwise) {
    if (!call.has(parameter)) return otherwise;
    const int64_t at = index_of(call[parameter]);
    return at < 0 ? std::max<int64_t>(at + length, 0) : at;
  };
  const int64_t end = std::min(place(3, length), length);
  for (int64_t i = place(2, 0); i < end; ++i) {
    runtime.step();
    if (equal(runtime, items[static_cast<size_t>(i)], call[1])) return Value::integer(i);
  }
  value_error("the value is not in the " + call[0].type_name());
}

Value list_copy(Runtime& runtime, Call& call) { return Value::list(to_items(runtime, call[0])); }

constexpr Function kListMethods[] = {{"copy", "self, /", list_copy},
                                     {"count", "self, value, /", sequence_count},
                                     {"index", "self, value, start?, stop?, /", sequence_index}};
constexpr Function kTupleMethods[] = {{"count", "self, value, /", sequence_count},
                                      {"index", "self, value, start?, stop?, /", sequence_index}};

// ---- dict

Value view_of(const Call& call, DictView::Part part) {
  return Value::object(std::make_shared<DictView>(call[0], part));
}
Value dict_items(Runtime&, Call& call) { return view_of(call, DictView::Part::kItems); }
Value dict_keys(Runtime&, Call& call) { return view_of(call, DictView::Part::kKeys); }
Value dict_values(Runtime&, Call& call) { return view_of(call, DictView::Part::kValues); }

Value dict_get(Runtime&, Call& call) {
  const Value* found = call[0].dict_data().find(call[1]);
  if (found != nullptr) return *found;
  return call.has(2) ? call[2] : Value::none();
}

Value dict_copy(Runtime& runtime, Call& call) {
  runtime.charge(call[0].dict_data().size() * 2 * sizeof(Value));
  return Value::dict(Dict(call[0].dict_data()));
}

Value dict_fromkeys_of(Runtime& runtime, Call& call) {
  Dict dict;
  for (Value& key : to_items(runtime, call[1])) {
    dict.set(std::move(key), call.has(2) ? call[2] : Value::none());
  }
  return Value::dict(std::move(dict));
}

constexpr Function kDictMethods[] = {
    {"copy", "self, /", dict_copy},
    {"fromkeys", "self, iterable, value?, /", dict_fromkeys_of},
    {"get", "self, key, default?, /", dict_get},
    {"items", "self, /", dict_items},
    {"keys", "self, /", dict_keys},
    {"values", "self, /", dict_values},
};

// ---- int and float

Value number_conjugate(Runtime&, Call& call) { return positive(call[0]); }

unsigned __int128 magnitude(const Value& value) {
  const Int number = value.as_int();
  return number < 0 ? -static_cast<unsigned __int128>(number)
                    : static_cast<unsigned __int128>(number);
}

Value int_bit_length(Runtime&, Call& call) {
  int64_t bits = 0;
  for (auto rest = magnitude(call[0]); rest > 0; rest >>= 1) ++bits;
  return Value::integer(bits);
}

Value int_bit_count(Runtime&, Call& call) {
  int64_t bits = 0;
  for (auto rest = magnitude(call[0]); rest > 0; rest >>= 1) bits += static_cast<int64_t>(rest & 1);
  return Value::integer(bits);
}

Value int_ratio(Runtime&, Call& call) {
  return Value::tuple({positive(call[0]), Value::integer(1)});
}

Value int_bytes(Runtime&, Call&) {
  unsupported("int.to_bytes() and from_bytes() are not supported: chat templates have no bytes");
}

constexpr Function kIntMethods[] = {
    {"as_integer_ratio", "self, /", int_ratio},
    {"bit_count", "self, /", int_bit_count},
    {"bit_length", "self, /", int_bit_length},
    {"conjugate", "self, /", number_conjugate},
    {"from_bytes", "self, *args, **kwargs", int_bytes},
    {"to_bytes", "self, *args, **kwargs", int_bytes},
};

Value float_is_integer(Runtime&, Call& call) {
  const double value = call[0].as_float();
  return Value::boolean(std::isfinite(value) && std::floor(value) == value);
}

Value float_ratio(Runtime&, Call& call) {
  const double value = call[0].as_float();
  if (!std::isfinite(value)) {
    throw PythonError(PythonError::Type::kOverflow,
                      "cannot convert Infinity or NaN to integer ratio");
  }
  int exponent = 0;
  double fraction = std::frexp(value, &exponent);
  for (int i = 0; i < 300 && std::floor(fraction) != fraction; ++i) {
    fraction *= 2;
    --exponent;
  }
  const Value scale = power(Value::integer(2), Value::integer(std::abs(exponent)));
  const Value whole = Value::integer(int_of_float(fraction));
  if (exponent < 0) return Value::tuple({whole, scale});
  const Int product = [&] {
    Int result = 0;
    if (__builtin_mul_overflow(whole.as_int(), scale.as_int(), &result)) {
      unsupported("an integer of more than 128 bits");
    }
    return result;
  }();
  return Value::tuple({Value::integer(product), Value::integer(1)});
}

Value float_hex(Runtime&, Call& call) {
  const double value = call[0].as_float();
  if (!std::isfinite(value)) return Value::text(float_repr(value));
  if (value == 0) return Value::text(std::signbit(value) ? "-0x0.0p+0" : "0x0.0p+0");
  std::array<char, 64> buffer{};
  const int size = std::snprintf(buffer.data(), buffer.size(), "%.13a", value);
  return Value::text(std::string(buffer.data(), static_cast<size_t>(size)));
}

Value float_fromhex(Runtime&, Call&) { unsupported("float.fromhex() is not supported"); }

constexpr Function kFloatMethods[] = {
    {"as_integer_ratio", "self, /", float_ratio},
    {"conjugate", "self, /", number_conjugate},
    {"fromhex", "self, text, /", float_fromhex},
    {"hex", "self, /", float_hex},
    {"is_integer", "self, /", float_is_integer},
};

}  // namespace

const Function* find_method(const Value& object, std::string_view name) {
  switch (object.kind()) {
    case Value::Kind::kText:
      if (object.is_markup()) {
        if (const Function* method = find_in_table(kMarkupMethods, name)) return method;
      }
      return find_str_method(name);
    case Value::Kind::kList:
      return find_in_table(kListMethods, name);
    case Value::Kind::kTuple:
      return find_in_table(kTupleMethods, name);
    case Value::Kind::kDict:
      return find_in_table(kDictMethods, name);
    case Value::Kind::kBool:
    case Value::Kind::kInt:
      return find_in_table(kIntMethods, name);
    case Value::Kind::kFloat:
      return find_in_table(kFloatMethods, name);
    default:
      return nullptr;
  }
}

}  // namespace retmask::jinja
