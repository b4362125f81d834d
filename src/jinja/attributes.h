#pragma once
// object.name and object["name"] with the rules of Jinja2's immutable sandbox.

#include <optional>
#include <string_view>

#include "runtime.h"
#include "value.h"

namespace retmask::jinja {

// Python's getattr(), including methods from the tables; nullopt for an AttributeError.
std::optional<Value> find_attribute(Runtime& runtime, const Value& object, std::string_view name);

// The attribute, otherwise the item; undefined if there is neither or the sandbox forbids it.
Value get_attribute(Runtime& runtime, const Value& object, const std::string& name);
// The item, otherwise the attribute.
Value get_item(Runtime& runtime, const Value& object, const Value& key);
// The attribute only (filter attr).
Value get_attribute_only(Runtime& runtime, const Value& object, const std::string& name);

// Attribute paths in filter arguments ("address.city", "0.name", 3).
Items attribute_path(const Value& attribute);
Value follow_path(Runtime& runtime,
                  Value item,
                  const Items& path,
                  const Value& otherwise = Value::none());

}  // namespace retmask::jinja
