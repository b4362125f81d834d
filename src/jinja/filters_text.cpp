#include <algorithm>

#include "attributes.h"
#include "dict.h"
#include "filters.h"
#include "format.h"
#include "json_text.h"
#include "methods.h"
#include "numbers.h"
#include "operators.h"
#include "retmask/jinja/unicode.h"
#include "wrap.h"

namespace retmask::jinja {
namespace {

// markupsafe.soft_str: str(value), but markup stays markup.
Value soft(Runtime& runtime, const Value& value) {
  return value.is_text() ? value : Value::text(str(runtime, value));
}

Value call_method(Runtime& runtime, std::string_view method, Value self, Items arguments = {}) {
  arguments.insert(arguments.begin(), std::move(self));
  return call_function(runtime, *find_str_method(method), {std::move(arguments), {}});
}

Value filter_upper(Runtime& runtime, Call& call) {
  return call_method(runtime, "upper", soft(runtime, call[0]));
}
Value filter_lower(Runtime& runtime, Call& call) {
  return call_method(runtime, "lower", soft(runtime, call[0]));
}
Value filter_capitalize(Runtime& runtime, Call& call) {
  return call_method(runtime, "capitalize", soft(runtime, call[0]));
}
Value filter_trim(Runtime& runtime, Call& call) {
  return call_method(
      runtime, "strip", soft(runtime, call[0]), {call.has(1) ? call[1] : Value::none()});
}
Value filter_center(Runtime& runtime, Call& call) {
  return call_method(
      runtime, "center", soft(runtime, call[0]), {call.has(1) ? call[1] : Value::integer(80)});
}
Value filter_string(Runtime& runtime, Call& call) { return soft(runtime, call[0]); }

// Words start after white space, hyphens and opening brackets.
Value filter_title(Runtime& runtime, Call& call) {
  const Value text = soft(runtime, call[0]);
  const auto starts_word = [](char32_t c) {
    return is_space(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  };
  std::string out;
  std::string word;
  const auto flush = [&] {
    if (word.empty()) return;
    size_t first = 0;
    decode_at(word, first);
    out += upper_case(word.substr(0, first)) + lower_case(word.substr(first));
    word.clear();
  };
  const std::string& bytes = text.bytes();
  for (size_t at = 0; at < bytes.size();) {
    const size_t start = at;
    const char32_t c = decode_at(bytes, at);
    if (starts_word(c)) {
      flush();
      out += bytes.substr(start, at - start);
    } else {
      word += bytes.substr(start, at - start);
    }
  }
  flush();
  return Value::text(std::move(out));
}

Value filter_replace(Runtime& runtime, Call& call) {
  const Value count = call.is_set(3) ? call[3] : Value::integer(-1);
  return call_method(
      runtime,
      "replace",
      Value::text(str(runtime, call[0])),
      {Value::text(str(runtime, call[1])), Value::text(str(runtime, call[2])), count});
}

Value filter_join(Runtime& runtime, Call& call) {
  const Items path = attribute_path(call.has(2) ? call[2] : Value::none());
  const std::string separator = call.has(1) ? str(runtime, call[1]) : "";
  std::string out;
  const IteratorPtr iterator = iterate(runtime, call[0]);
  Value item;
  for (bool is_first = true; iterator->next(runtime, item); is_first = false) {
    runtime.step();
    const std::string text = str(runtime, follow_path(runtime, item, path));
    runtime.charge(separator.size() + text.size());
    if (!is_first) out += separator;
    out += text;
  }
  return Value::text(std::move(out));
}

Value filter_format(Runtime& runtime, Call& call) {
  if (!call.rest.empty() && !call.named.empty()) {
    throw PythonError(PythonError::Type::kTemplate,
                      "can't handle positional and keyword arguments at the same time");
  }
  Value values;
  if (call.named.empty()) {
    values = Value::tuple(std::move(call.rest));
  } else {
    Dict dict;
    for (auto& [name, value] : call.named) dict.set(Value::text(name), std::move(value));
    values = Value::dict(std::move(dict));
  }
  return printf_format(runtime, soft(runtime, call[0]), values);
}

Items lines_of(Runtime& runtime, const Value& text) {
  return call_method(runtime, "splitlines", text).items();
}

Value filter_indent(Runtime& runtime, Call& call) {
  const Value& source = call[0];
  std::string indention;
  if (call.has(1) && call[1].is_text()) {
    indention = call[1].bytes();
  } else {
    const int64_t width = call.has(1) ? index_of(call[1]) : 4;
    runtime.charge(width, 1);
    indention = std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
  }
  const bool first = call.flag(runtime, 2);
  const bool blank = call.flag(runtime, 3);
  const bool is_markup = source.is_markup();
  // A trailing line break, so that the last line counts as one.
  const Value text = add(runtime, source, Value::text_like("\n", is_markup));
  std::string out;
  bool is_first = true;
  for (const Value& line : lines_of(runtime, text)) {
    runtime.charge(indention.size() + line.bytes().size());
    if (!is_first) {
      out += '\n';
      if (blank || !line.bytes().empty()) out += indention;
    } else if (first) {
      out += indention;
    }
    out += line.bytes();
    is_first = false;
  }
  return Value::text_like(std::move(out), is_markup);
}

[[noreturn]] void assertion(const std::string& message) { value_error(message); }

Value filter_truncate(Runtime& runtime, Call& call) {
  const int64_t length = call.has(1) ? index_of(call[1]) : 255;
  const Value end = call.has(3) ? call[3] : Value::text("...");
  const int64_t leeway = call.is_set(4) ? index_of(call[4]) : 5;
  const auto end_length = static_cast<int64_t>(length_of(runtime, end));
  if (length < end_length) assertion("expected length >= " + std::to_string(end_length));
  if (leeway < 0) assertion("expected leeway >= 0");
  if (static_cast<int64_t>(length_of(runtime, call[0])) <= length + leeway) return call[0];
  Value head =
      slice(runtime, call[0], Value::none(), Value::integer(length - end_length), Value::none());
  if (!call.flag(runtime, 2)) {
    if (!head.is_text()) type_error("'" + head.type_name() + "' object has no attribute 'rsplit'");
    head = call_method(runtime, "rsplit", head, {Value::text(" "), Value::integer(1)}).items()[0];
  }
  return add(runtime, head, end);
}

Value filter_wordwrap(Runtime& runtime, Call& call) {
  if (!call[0].is_text()) {
    if (call[0].is_undefined()) {
      throw PythonError(PythonError::Type::kUndefined, call[0].undefined_message());
    }
    type_error("'" + call[0].type_name() + "' object has no attribute 'splitlines'");
  }
  WrapOptions options;
  if (call.has(1)) options.width = index_of(call[1]);
  options.break_long_words = call.flag(runtime, 2, true);
  // textwrap tests for True itself, not for truthiness.
  options.break_on_hyphens = !call.has(4) || (call[4].is(Value::Kind::kBool) && call[4].as_bool());
  Value separator = Value::text("\n");
  if (call.is_set(3)) separator = call[3];
  Items paragraphs;
  for (const Value& line : lines_of(runtime, call[0])) {
    runtime.step(static_cast<int64_t>(line.bytes().size()));
    if (!line.bytes().empty() && options.width <= 0) {
      value_error("invalid width " + std::to_string(options.width) + " (must be > 0)");
    }
    if (options.width <= 0) value_error("invalid width (must be > 0)");
    Items wrapped;
    for (std::string& part : wrap_line(line.bytes(), options)) {
      wrapped.push_back(Value::text(std::move(part)));
    }
    runtime.charge(wrapped.size() * sizeof(Value));
    paragraphs.push_back(
        call_method(runtime, "join", separator, {Value::list(std::move(wrapped))}));
  }
  return call_method(runtime, "join", separator, {Value::list(std::move(paragraphs))});
}

Value filter_wordcount(Runtime& runtime, Call& call) {
  const std::string text = str(runtime, call[0]);
  int64_t count = 0;
  bool in_word = false;
  for (size_t at = 0; at < text.size();) {
    const bool is_part = is_word(decode_at(text, at));
    if (is_part && !in_word) ++count;
    in_word = is_part;
  }
  return Value::integer(count);
}

std::string separator_text(const Value& value) {
  if (!value.is_text()) type_error("a separator of tojson must be a string");
  return value.bytes();
}

// transformers' version: json.dumps without HTML escaping.
Value filter_tojson(Runtime& runtime, Call& call) {
  JsonStyle style;
  style.ensure_ascii = call.flag(runtime, 1);
  style.sort_keys = call.flag(runtime, 4);
  if (call.is_set(2)) {
    if (call[2].is_text()) {
      style.indent = call[2].bytes();
    } else {
      const int64_t width = index_of(call[2]);
      runtime.charge(width, 1);
      style.indent = std::string(static_cast<size_t>(std::max<int64_t>(width, 0)), ' ');
    }
    style.item_separator = ",";
  }
  if (call.is_set(3)) {
    const Items separators = to_items(runtime, call[3]);
    if (separators.size() != 2) value_error("separators of tojson: two strings are needed");
    style.item_separator = separator_text(separators[0]);
    style.key_separator = separator_text(separators[1]);
  }
  return Value::text(to_json_text(runtime, call[0], style));
}

constexpr Function kTextFilters[] = {
    {"capitalize", "s", filter_capitalize},
    {"center", "value, width?", filter_center},
    {"format", "value, /, *args, **kwargs", filter_format},
    {"indent", "s, width?, first?, blank?", filter_indent},
    {"join", "value, d?, attribute?", filter_join},
    {"lower", "s", filter_lower},
    {"replace", "s, old, new, count?", filter_replace},
    {"string", "s, /", filter_string},
    {"title", "s", filter_title},
    {"tojson", "x, ensure_ascii?, indent?, separators?, sort_keys?", filter_tojson},
    {"trim", "value, chars?", filter_trim},
    {"truncate", "s, length?, killwords?, end?, leeway?", filter_truncate},
    {"upper", "s", filter_upper},
    {"wordcount", "s", filter_wordcount},
    {"wordwrap", "s, width?, break_long_words?, wrapstring?, break_on_hyphens?", filter_wordwrap},
};

}  // namespace

const Function* find_text_filter(std::string_view name) {
  return find_in_table(kTextFilters, name);
}

}  // namespace retmask::jinja
