#include "json_text.h"

#include <algorithm>
#include <cmath>

#include "dict.h"
#include "numbers.h"
#include "operators.h"
#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

std::string json_float(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  return float_repr(value);
}

void append_unit(std::string& out, char32_t unit) {
  const std::string hex = int_text(static_cast<Int>(unit), 16);
  out += "\\u" + std::string(4 - hex.size(), '0') + hex;
}

std::string json_string(std::string_view text, bool ensure_ascii) {
  std::string out = "\"";
  for (size_t at = 0; at < text.size();) {
    const char32_t c = decode_at(text, at);
    constexpr std::string_view kSpecial = "\"\\\n\r\t\f\b";
    constexpr std::string_view kLetters = "\"\\nrtfb";
    const size_t special = c < 0x80 ? kSpecial.find(static_cast<char>(c)) : std::string_view::npos;
    if (special != std::string_view::npos) {
      out += '\\';
      out += kLetters[special];
    } else if (c < 0x20 || (ensure_ascii && c >= 0x7F && c < 0x10000)) {
      append_unit(out, c);
    } else if (ensure_ascii && c >= 0x10000) {
      append_unit(out, 0xD7C0 + (c >> 10));
      append_unit(out, 0xDC00 + (c & 0x3FF));
    } else {
      append_code_point(out, c);
    }
  }
  return out + "\"";
}

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonStyle& style) : runtime_(runtime), style_(style) {}

  std::string take() { return std::move(out_); }

  void write(const Value& value, size_t level) {
    runtime_.step();
    runtime_.check_stack();
    const size_t before = out_.size();
    switch (value.kind()) {
      case Value::Kind::kNone:
        out_ += "null";
        break;
      case Value::Kind::kBool:
        out_ += value.as_bool() ? "true" : "false";
        break;
      case Value::Kind::kInt:
        out_ += int_text(value.as_int());
        break;
      case Value::Kind::kFloat:
        out_ += json_float(value.as_float());
        break;
      case Value::Kind::kText:
        out_ += json_string(value.bytes(), style_.ensure_ascii);
        break;
      case Value::Kind::kList:
      case Value::Kind::kTuple:
        write_list(value.items(), level);
        return;
      case Value::Kind::kDict:
        write_dict(value.dict_data(), level);
        return;
      default:
        type_error("Object of type " + value.type_name() + " is not JSON serializable");
    }
    runtime_.charge(out_.size() - before);
  }

 private:
  void new_line(size_t level) {
    if (!style_.indent) return;
    runtime_.charge(Int{static_cast<int64_t>(level)}, style_.indent->size());
    out_ += '\n';
    for (size_t i = 0; i < level; ++i) out_ += *style_.indent;
  }

  void separate(bool is_first, size_t level) {
    if (!is_first) {
      runtime_.charge(style_.item_separator.size());
      out_ += style_.item_separator;
    }
    new_line(level);
  }

  void write_list(const Items& items, size_t level) {
    if (items.empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    for (size_t i = 0; i < items.size(); ++i) {
      separate(i == 0, level + 1);
      write(items[i], level + 1);
    }
    new_line(level);
    out_ += ']';
  }

  std::string key_text(const Value& key) const {
    switch (key.kind()) {
      case Value::Kind::kText:
        return key.bytes();
      case Value::Kind::kNone:
        return "null";
      case Value::Kind::kBool:
        return key.as_bool() ? "true" : "false";
      case Value::Kind::kInt:
        return int_text(key.as_int());
      case Value::Kind::kFloat:
        return json_float(key.as_float());
      default:
        type_error("keys must be str, int, float, bool or None, not " + key.type_name());
    }
  }

  void write_dict(const Dict& dict, size_t level) {
    if (dict.size() == 0) {
      out_ += "{}";
      return;
    }
    std::vector<Dict::Entry> entries = dict.entries();
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(), [&](const auto& a, const auto& b) {
        runtime_.step();
        return ordered(runtime_, a.first, Order::kLess, b.first);
      });
    }
    out_ += '{';
    for (size_t i = 0; i < entries.size(); ++i) {
      separate(i == 0, level + 1);
      const std::string key = json_string(key_text(entries[i].first), style_.ensure_ascii);
      runtime_.charge(key.size() + style_.key_separator.size());
      out_ += key + style_.key_separator;
      write(entries[i].second, level + 1);
    }
    new_line(level);
    out_ += '}';
  }

  Runtime& runtime_;
  const JsonStyle& style_;
  std::string out_;
};

}  // namespace

Value from_json(const Json& json) {
  switch (json.type()) {
    case Json::value_t::boolean:
      return Value::boolean(json.get<bool>());
    case Json::value_t::number_integer:
      return Value::integer(json.get<int64_t>());
    case Json::value_t::number_unsigned:
      return Value::integer(static_cast<Int>(json.get<uint64_t>()));
    case Json::value_t::number_float:
      return Value::real(json.get<double>());
    case Json::value_t::string:
      return Value::text(json.get_ref<const std::string&>());
    case Json::value_t::array: {
      Items items;
      items.reserve(json.size());
      for (const Json& item : json) items.push_back(from_json(item));
      return Value::list(std::move(items));
    }
    case Json::value_t::object: {
      Dict dict;
      for (const auto& [key, value] : json.items()) dict.set(Value::text(key), from_json(value));
      return Value::dict(std::move(dict));
    }
    default:
      return Value::none();
  }
}

std::string to_json_text(Runtime& runtime, const Value& value, const JsonStyle& style) {
  JsonWriter writer(runtime, style);
  writer.write(value, 0);
  return writer.take();
}

}  // namespace retmask::jinja
