#pragma once
// JSON input and output: a template's variables, and json.dumps for tojson.

#include <optional>
#include <string>

#include "retmask/base/json.h"
#include "runtime.h"
#include "value.h"

namespace retmask::jinja {

Value from_json(const Json& json);

struct JsonStyle {
  bool ensure_ascii = false;
  bool sort_keys = false;
  std::optional<std::string> indent;  // per level
  std::string item_separator = ", ";
  std::string key_separator = ": ";
};
std::string to_json_text(Runtime& runtime, const Value& value, const JsonStyle& style);

}  // namespace retmask::jinja
