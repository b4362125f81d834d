#include "attributes.h"

#include <algorithm>
#include <array>

#include "methods.h"
#include "numbers.h"
#include "objects.h"
#include "operators.h"
#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

using Kind = Value::Kind;

constexpr std::string_view kListMutators[] = {
    "append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};
constexpr std::string_view kDictMutators[] = {"clear", "pop", "popitem", "setdefault", "update"};

// Attributes of every Python object.
constexpr std::string_view kObjectAttributes[] = {
    "__class__",   "__delattr__", "__dir__",           "__doc__",         "__eq__",
    "__format__",  "__ge__",      "__getattribute__",  "__getstate__",    "__gt__",
    "__hash__",    "__init__",    "__init_subclass__", "__le__",          "__lt__",
    "__ne__",      "__new__",     "__reduce__",        "__reduce_ex__",   "__repr__",
    "__setattr__", "__sizeof__",  "__str__",           "__subclasshook__"};

template <typename Names>
bool is_among(const Names& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

bool is_mutator(const Value& object, std::string_view name) {
  if (object.is_list()) return is_among(kListMutators, name);
  if (object.is_dict()) return is_among(kDictMutators, name);
  return false;
}

bool is_unsafe(const Value& object, std::string_view name) {
  if (object_as<Namespace>(object) != nullptr) return name.starts_with('_');
  return name.starts_with('_') || is_mutator(object, name);
}

// Whether getattr() finds something that the sandbox then rejects.
bool exists_but_is_refused(const Value& object, std::string_view name) {
  if (object_as<Namespace>(object) != nullptr) return false;
  return is_mutator(object, name) || is_among(kObjectAttributes, name);
}

std::string type_for_message(const Value& object) {
  return object.is_none() ? "None" : object.type_name() + " object";
}

Value refused(const Value& object, std::string_view name) {
  return Value::undefined("access to attribute '" + std::string(name) + "' of '" +
                          object.type_name() + "' object is unsafe.");
}

Value not_there(const Value& object, const Value& key) {
  const std::string type = type_for_message(object);
  if (key.is_text()) {
    return Value::undefined("'" + type + "' has no attribute " + repr_text(key.bytes()));
  }
  std::string shown = key.is_int() ? int_text(key.as_int()) : "of type " + key.type_name();
  return Value::undefined(type + " has no element " + shown);
}

std::optional<Value> number_attribute(const Value& object, std::string_view name) {
  if (object.is_int()) {
    if (name == "real" || name == "numerator") return Value::integer(object.as_int());
    if (name == "imag") return Value::integer(0);
    if (name == "denominator") return Value::integer(1);
  } else {
    if (name == "real") return object;
    if (name == "imag") return Value::real(0);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Value> find_attribute(Runtime& runtime, const Value& object, std::string_view name) {
  if (object.is_undefined()) {
    throw PythonError(PythonError::Type::kUndefined, object.undefined_message());
  }
  if (object.is(Kind::kObject)) return object.object()->attribute(runtime, name);
  if (object.is_tuple() && object.tuple_data().is_group) {
    if (name == "grouper") return object.items()[0];
    if (name == "list") return object.items()[1];
  }
  if (object.is_number()) {
    if (auto value = number_attribute(object, name)) return value;
  }
  if (const Function* method = find_method(object, name)) {
    return Value::object(std::make_shared<BoundFunction>(*method, object));
  }
  return std::nullopt;
}

Value get_attribute(Runtime& runtime, const Value& object, const std::string& name) {
  if (object.is_undefined() && exists_but_is_refused(object, name)) return refused(object, name);
  if (auto found = find_attribute(runtime, object, name)) {
    return is_unsafe(object, name) ? refused(object, name) : *found;
  }
  if (exists_but_is_refused(object, name)) return refused(object, name);
  if (object.is_dict()) {
    if (const Value* item = object.dict_data().find(name)) return *item;
  } else if (auto* named = object_as<BlockNames>(object)) {
    if (auto block = named->block(name)) return *block;
  }
  return not_there(object, Value::text(name));
}

Value get_item(Runtime& runtime, const Value& object, const Value& key) {
  try {
    return subscript(runtime, object, key);
  } catch (const PythonError& error) {
    if (error.type() != PythonError::Type::kType && error.type() != PythonError::Type::kLookup) {
      throw;
    }
  }
  if (key.is_text()) {
    const std::string& name = key.bytes();
    if (auto found = find_attribute(runtime, object, name)) {
      return is_unsafe(object, name) ? refused(object, name) : *found;
    }
    if (exists_but_is_refused(object, name)) return refused(object, name);
  }
  return not_there(object, key);
}

Value get_attribute_only(Runtime& runtime, const Value& object, const std::string& name) {
  if (auto found = find_attribute(runtime, object, name)) {
    return is_unsafe(object, name) ? refused(object, name) : *found;
  }
  if (exists_but_is_refused(object, name)) return refused(object, name);
  return not_there(object, Value::text(name));
}

Items attribute_path(const Value& attribute) {
  if (attribute.is_none() || attribute.is_missing()) return {};
  if (!attribute.is_text()) return {attribute};
  Items path;
  std::string_view rest = attribute.bytes();
  while (true) {
    const size_t dot = rest.find('.');
    const std::string_view part = rest.substr(0, dot);
    const std::u32string points = to_code_points(part);
    if (!points.empty() && std::all_of(points.begin(), points.end(), is_digit)) {
      const auto number = parse_int(part, 10);
      if (!number) value_error("invalid literal for int(): '" + std::string(part) + "'");
      path.push_back(Value::integer(*number));
    } else {
      path.push_back(Value::text(std::string(part)));
    }
    if (dot == std::string_view::npos) return path;
    rest.remove_prefix(dot + 1);
  }
}

Value follow_path(Runtime& runtime, Value item, const Items& path, const Value& otherwise) {
  for (const Value& part : path) {
    runtime.step();
    item = get_item(runtime, item, part);
    if (!otherwise.is_none() && item.is_undefined()) item = otherwise;
  }
  return item;
}

}  // namespace retmask::jinja
