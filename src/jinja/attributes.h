#pragma once
// object.name and object["name"] as Jinja2's immutable sandbox looks them up.

#include <optional>
#include <string_view>

#include "runtime.h"
#include "value.h"

namespace retmask::jinja {

// Python's getattr(), methods of the tables included; nullopt where it raises an AttributeError.
std::optional<Value> find_attribute(Runtime& runtime, const Value& object, std::string_view name);

// The attribute, else the item; undefined when there is neither or the sandbox forbids it.
Value get_attribute(Runtime& runtime, const Value& object, const std::string& name);
// The item, else the attribute.
Value get_item(Runtime& runtime, const Value& object, const Value& key);
// The attribute alone (filter attr).
Value get_attribute_only(Runtime& runtime, const Value& object, const std::string& name);

// Paths of filters' arguments ("address.city", "0.name", 3).
Items attribute_path(const Value& attribute);
Value follow_path(Runtime& runtime,
                  Value item,
                  const Items& path,
                  const Value& otherwise = Value::none());

}  // namespace retmask::jinja
