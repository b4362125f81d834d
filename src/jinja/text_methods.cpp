// The methods of str. Markup has the same ones, but returns markup and escapes its arguments.

#include <algorithm>
#include <cstring>

#include "dict.h"
#include "format.h"
#include "html.h"
#include "methods.h"
#include "numbers.h"
#include "objects.h"
#include "operators.h"
#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

Value same_kind(const Call& call, std::string text) {
  return Value::text_like(std::move(text), call[0].is_markup());
}

const std::string& text_argument(const Call& call, size_t parameter, const char* method) {
  if (!call[parameter].is_text()) {
    type_error(std::string(method) + ": a str is needed, not " + call[parameter].type_name());
  }
  return call[parameter].bytes();
}

// Like text_argument, but escaped if the method belongs to markup.
std::string inserted_argument(Runtime& runtime,
                              const Call& call,
                              size_t parameter,
                              const char* method) {
  if (call[0].is_markup()) return escape_value(runtime, call[parameter]);
  return text_argument(call, parameter, method);
}

int64_t count_argument(const Call& call, size_t parameter) {
  return call.has(parameter) ? index_of(call[parameter]) : -1;
}

size_t find_bytes(std::string_view text, std::string_view part, size_t from) {
  if (from > text.size()) return std::string_view::npos;
  if (part.empty()) return from;
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found == nullptr ? std::string_view::npos
                          : static_cast<size_t>(static_cast<const char*>(found) - text.data());
}

size_t next_character(std::string_view text, size_t at) {
  if (at < text.size()) decode_at(text, at);
  return at;
}

// ---- case

Value str_upper(Runtime&, Call& call) { return same_kind(call, upper_case(call[0].bytes())); }
Value str_lower(Runtime&, Call& call) { return same_kind(call, lower_case(call[0].bytes())); }
Value str_casefold(Runtime&, Call& call) { return same_kind(call, fold_case(call[0].bytes())); }
Value str_swapcase(Runtime&, Call& call) { return same_kind(call, swap_case(call[0].bytes())); }
Value str_capitalize(Runtime&, Call& call) { return same_kind(call, capitalized(call[0].bytes())); }
Value str_title(Runtime&, Call& call) { return same_kind(call, titled(call[0].bytes())); }

// ---- predicates

template <typename Test>
Value all_characters(const Call& call, bool when_empty, const Test& test) {
  const std::string& text = call[0].bytes();
  if (text.empty()) return Value::boolean(when_empty);
  for (size_t at = 0; at < text.size();) {
    if (!test(decode_at(text, at))) return Value::boolean(false);
  }
  return Value::boolean(true);
}

Value str_isalnum(Runtime&, Call& call) { return all_characters(call, false, is_alphanumeric); }
Value str_isalpha(Runtime&, Call& call) { return all_characters(call, false, is_alphabetic); }
Value str_isdecimal(Runtime&, Call& call) { return all_characters(call, false, is_decimal); }
Value str_isdigit(Runtime&, Call& call) { return all_characters(call, false, is_digit); }
Value str_isnumeric(Runtime&, Call& call) { return all_characters(call, false, is_numeric); }
Value str_isspace(Runtime&, Call& call) { return all_characters(call, false, is_space); }
Value str_isprintable(Runtime&, Call& call) { return all_characters(call, true, is_printable); }
Value str_isascii(Runtime&, Call& call) { return Value::boolean(call[0].text_data().is_ascii()); }

Value str_isidentifier(Runtime&, Call& call) {
  bool is_first = true;
  return all_characters(call, false, [&](char32_t c) {
    const bool fits = is_first ? is_identifier_start(c) : is_identifier_part(c);
    is_first = false;
    return fits;
  });
}

Value str_islower(Runtime&, Call& call) {
  bool found = false;
  const Value none_upper = all_characters(call, false, [&](char32_t c) {
    found = found || is_lower(c);
    return !is_upper(c) && !is_title(c);
  });
  return Value::boolean(none_upper.as_bool() && found);
}

Value str_isupper(Runtime&, Call& call) {
  bool found = false;
  const Value none_lower = all_characters(call, false, [&](char32_t c) {
    found = found || is_upper(c);
    return !is_lower(c) && !is_title(c);
  });
  return Value::boolean(none_lower.as_bool() && found);
}

Value str_istitle(Runtime&, Call& call) {
  bool found = false;
  bool in_word = false;
  const Value fits = all_characters(call, false, [&](char32_t c) {
    if (is_upper(c) || is_title(c)) {
      if (in_word) return false;
      in_word = found = true;
    } else if (is_lower(c)) {
      if (!in_word) return false;
      found = true;
    } else {
      in_word = false;
    }
    return true;
  });
  return Value::boolean(fits.as_bool() && found);
}

// ---- searching

// The part of the text selected by the arguments start and end, and its offset.
struct Window {
  std::string_view text;
  int64_t start = 0;  // in code points
  bool is_valid = true;
};

Window window_of(const Call& call, size_t first) {
  const Text& text = call[0].text_data();
  const auto length = static_cast<int64_t>(text.length);
  const auto place = [&](size_t parameter, int64_t otherwise) {
    if (!call.is_set(parameter)) return otherwise;
    if (!call[parameter].is_int()) {
      type_error("slice indices must be integers or None or have an __index__ method");
    }
    int64_t at = index_of(call[parameter]);
    if (at < 0) at = std::max<int64_t>(at + length, 0);
    return at;
  };
  const int64_t start = place(first, 0);
  const int64_t end = std::min(place(first + 1, length), length);
  if (start > end) return {{}, start, false};
  const size_t from = text.is_ascii() ? static_cast<size_t>(start)
                                      : byte_offset(text.bytes, static_cast<size_t>(start));
  const std::string_view rest = std::string_view(text.bytes).substr(from);
  const size_t size = text.is_ascii() ? static_cast<size_t>(end - start)
                                      : byte_offset(rest, static_cast<size_t>(end - start));
  return {rest.substr(0, size), start, true};
}

int64_t find_in(const Call& call, bool from_right, const char* method) {
  const std::string& part = text_argument(call, 1, method);
  const Window window = window_of(call, 2);
  if (!window.is_valid) return -1;
  const size_t found = from_right ? window.text.rfind(part) : find_bytes(window.text, part, 0);
  if (found == std::string_view::npos) return -1;
  return window.start + static_cast<int64_t>(count_code_points(window.text.substr(0, found)));
}

Value str_find(Runtime&, Call& call) { return Value::integer(find_in(call, false, "find")); }
Value str_rfind(Runtime& runtime, Call& call) {
  runtime.step(static_cast<int64_t>(call[0].bytes().size() / 64));
  return Value::integer(find_in(call, true, "rfind"));
}

Value found_or_fail(int64_t place) {
  if (place < 0) value_error("substring not found");
  return Value::integer(place);
}
Value str_index(Runtime&, Call& call) { return found_or_fail(find_in(call, false, "index")); }
Value str_rindex(Runtime&, Call& call) { return found_or_fail(find_in(call, true, "rindex")); }

Value str_count(Runtime&, Call& call) {
  const std::string& part = text_argument(call, 1, "count");
  const Window window = window_of(call, 2);
  if (!window.is_valid) return Value::integer(0);
  if (part.empty()) {
    return Value::integer(static_cast<int64_t>(count_code_points(window.text)) + 1);
  }
  int64_t count = 0;
  for (size_t at = find_bytes(window.text, part, 0); at != std::string_view::npos;
       at = find_bytes(window.text, part, at + part.size())) {
    ++count;
  }
  return Value::integer(count);
}

Value has_affix(const Call& call, bool at_start, const char* method) {
  const Window window = window_of(call, 2);
  const auto fits = [&](const Value& affix) {
    if (!affix.is_text()) {
      type_error(std::string(method) + " first arg must be str or a tuple of str, not " +
                 affix.type_name());
    }
    if (!window.is_valid) return false;
    return at_start ? window.text.starts_with(affix.bytes()) : window.text.ends_with(affix.bytes());
  };
  if (!call[1].is_tuple()) return Value::boolean(fits(call[1]));
  for (const Value& affix : call[1].items()) {
    if (fits(affix)) return Value::boolean(true);
  }
  return Value::boolean(false);
}
Value str_startswith(Runtime&, Call& call) { return has_affix(call, true, "startswith"); }
Value str_endswith(Runtime&, Call& call) { return has_affix(call, false, "endswith"); }

// ---- stripping

std::string strip(const Call& call, bool left, bool right) {
  const std::string_view text = call[0].bytes();
  if (!call.is_set(1)) return std::string(strip_spaces(text, left, right));
  const std::u32string dropped = to_code_points(text_argument(call, 1, "strip"));
  const std::u32string points = to_code_points(text);
  size_t begin = 0;
  size_t end = points.size();
  const auto is_dropped = [&](char32_t c) { return dropped.find(c) != std::u32string::npos; };
  while (left && begin < end && is_dropped(points[begin])) ++begin;
  while (right && begin < end && is_dropped(points[end - 1])) --end;
  return to_utf8(std::u32string_view(points).substr(begin, end - begin));
}

Value str_strip(Runtime&, Call& call) { return same_kind(call, strip(call, true, true)); }
Value str_lstrip(Runtime&, Call& call) { return same_kind(call, strip(call, true, false)); }
Value str_rstrip(Runtime&, Call& call) { return same_kind(call, strip(call, false, true)); }

Value str_removeprefix(Runtime&, Call& call) {
  const std::string& prefix = text_argument(call, 1, "removeprefix");
  const std::string& text = call[0].bytes();
  return same_kind(call, text.starts_with(prefix) ? text.substr(prefix.size()) : text);
}

Value str_removesuffix(Runtime&, Call& call) {
  const std::string& suffix = text_argument(call, 1, "removesuffix");
  const std::string& text = call[0].bytes();
  return same_kind(call,
                   text.ends_with(suffix) ? text.substr(0, text.size() - suffix.size()) : text);
}

// ---- splitting and joining

Value list_of_parts(Runtime& runtime,
                    const Call& call,
                    const std::vector<std::string_view>& parts) {
  Items items;
  runtime.charge(parts.size() * sizeof(Value) + call[0].bytes().size());
  for (const std::string_view part : parts) items.push_back(same_kind(call, std::string(part)));
  return Value::list(std::move(items));
}

std::vector<std::string_view> split_at_spaces(std::string_view text, int64_t max) {
  std::vector<std::string_view> parts;
  text = strip_spaces(text, /*left=*/true, /*right=*/false);
  while (!text.empty()) {
    if (max >= 0 && static_cast<int64_t>(parts.size()) >= max) {
      parts.push_back(text);  // including trailing white space
      break;
    }
    size_t end = 0;
    for (size_t at = 0; at < text.size(); end = at) {
      if (is_space(decode_at(text, at))) break;
    }
    parts.push_back(text.substr(0, end));
    text = strip_spaces(text.substr(end), true, false);
  }
  return parts;
}

std::vector<std::string_view> split_right_at_spaces(std::string_view text, int64_t max) {
  std::vector<std::string_view> parts;
  text = strip_spaces(text, false, true);
  while (!text.empty()) {
    if (max >= 0 && static_cast<int64_t>(parts.size()) >= max) {
      parts.push_back(text);
      break;
    }
    size_t start = text.size();
    while (start > 0) {
      size_t before = start - 1;
      while (before > 0 && (static_cast<unsigned char>(text[before]) & 0xC0) == 0x80) --before;
      size_t at = before;
      if (is_space(decode_at(text, at))) break;
      start = before;
    }
    parts.push_back(text.substr(start));
    text = strip_spaces(text.substr(0, start), false, true);
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

Value str_split(Runtime& runtime, Call& call) {
  const std::string_view text = call[0].bytes();
  const int64_t max = count_argument(call, 2);
  if (!call.is_set(1)) return list_of_parts(runtime, call, split_at_spaces(text, max));
  const std::string& separator = text_argument(call, 1, "split");
  if (separator.empty()) value_error("empty separator");
  std::vector<std::string_view> parts;
  size_t at = 0;
  while (max < 0 || static_cast<int64_t>(parts.size()) < max) {
    const size_t found = find_bytes(text, separator, at);
    if (found == std::string_view::npos) break;
    parts.push_back(text.substr(at, found - at));
    at = found + separator.size();
  }
  parts.push_back(text.substr(at));
  return list_of_parts(runtime, call, parts);
}

Value str_rsplit(Runtime& runtime, Call& call) {
  std::string_view text = call[0].bytes();
  const int64_t max = count_argument(call, 2);
  if (!call.is_set(1)) return list_of_parts(runtime, call, split_right_at_spaces(text, max));
  const std::string& separator = text_argument(call, 1, "rsplit");
  if (separator.empty()) value_error("empty separator");
  std::vector<std::string_view> parts;
  while (max < 0 || static_cast<int64_t>(parts.size()) < max) {
    const size_t found = text.rfind(separator);
    if (found == std::string_view::npos) break;
    parts.push_back(text.substr(found + separator.size()));
    text = text.substr(0, found);
  }
  parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  return list_of_parts(runtime, call, parts);
}

Value str_splitlines(Runtime& runtime, Call& call) {
  const std::string_view text = call[0].bytes();
  const bool keep_ends = call.flag(runtime, 1);
  std::vector<std::string_view> parts;
  size_t start = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t place = at;
    const char32_t c = decode_at(text, at);
    if (!is_line_break(c)) continue;
    if (c == '\r' && at < text.size() && text[at] == '\n') ++at;
    parts.push_back(text.substr(start, (keep_ends ? at : place) - start));
    start = at;
  }
  if (start < text.size()) parts.push_back(text.substr(start));
  return list_of_parts(runtime, call, parts);
}

Value partition(const Call& call, bool from_right, const char* method) {
  const std::string& separator = text_argument(call, 1, method);
  if (separator.empty()) value_error("empty separator");
  const std::string& text = call[0].bytes();
  const size_t found = from_right ? text.rfind(separator) : find_bytes(text, separator, 0);
  std::string parts[3];
  if (found == std::string::npos) {
    parts[from_right ? 2 : 0] = text;
  } else {
    parts[0] = text.substr(0, found);
    parts[1] = separator;
    parts[2] = text.substr(found + separator.size());
  }
  Items items;
  for (std::string& part : parts) items.push_back(same_kind(call, std::move(part)));
  return Value::tuple(std::move(items));
}
Value str_partition(Runtime&, Call& call) { return partition(call, false, "partition"); }
Value str_rpartition(Runtime&, Call& call) { return partition(call, true, "rpartition"); }

Value str_join(Runtime& runtime, Call& call) {
  std::string out;
  const std::string& separator = call[0].bytes();
  bool is_first = true;
  for (const Value& item : to_items(runtime, call[1])) {
    if (!call[0].is_markup() && !item.is_text()) {
      type_error("sequence item: expected str instance, " + item.type_name() + " found");
    }
    runtime.charge(separator.size() + (item.is_text() ? item.bytes().size() : 0));
    const std::string text = call[0].is_markup() ? escape_value(runtime, item) : item.bytes();
    if (!is_first) out += separator;
    is_first = false;
    out += text;
  }
  return same_kind(call, std::move(out));
}

Value str_replace(Runtime& runtime, Call& call) {
  const std::string& text = call[0].bytes();
  const std::string& old_part = text_argument(call, 1, "replace");
  const std::string new_part = inserted_argument(runtime, call, 2, "replace");
  int64_t left = count_argument(call, 3);
  std::string out;
  size_t at = 0;
  runtime.charge(text.size());
  if (old_part.empty()) {
    // Between all characters, and at both ends.
    while (left != 0) {
      runtime.charge(new_part.size());
      out += new_part;
      --left;
      if (at >= text.size()) break;
      const size_t next = next_character(text, at);
      out += text.substr(at, next - at);
      at = next;
    }
    return same_kind(call, out + text.substr(at));
  }
  while (left != 0) {
    const size_t found = find_bytes(text, old_part, at);
    if (found == std::string::npos) break;
    runtime.charge(new_part.size());
    out.append(text, at, found - at);
    out += new_part;
    at = found + old_part.size();
    --left;
  }
  out.append(text, at);
  return same_kind(call, std::move(out));
}

// ---- padding

struct Padding {
  int64_t missing;
  std::string fill;
};

Padding padding_of(Runtime& runtime, const Call& call, const char* method) {
  const int64_t width = index_of(call[1]);
  const auto length = static_cast<int64_t>(call[0].text_data().length);
  Padding padding{std::max<int64_t>(width - length, 0), " "};
  if (call.has(2)) {
    padding.fill = inserted_argument(runtime, call, 2, method);
    if (count_code_points(padding.fill) != 1) {
      type_error("The fill character must be exactly one character long");
    }
  }
  runtime.charge(padding.missing, padding.fill.size());
  return padding;
}

std::string fill_text(const Padding& padding, int64_t count) {
  std::string out;
  for (int64_t i = 0; i < count; ++i) out += padding.fill;
  return out;
}

Value str_ljust(Runtime& runtime, Call& call) {
  const Padding padding = padding_of(runtime, call, "ljust");
  return same_kind(call, call[0].bytes() + fill_text(padding, padding.missing));
}

Value str_rjust(Runtime& runtime, Call& call) {
  const Padding padding = padding_of(runtime, call, "rjust");
  return same_kind(call, fill_text(padding, padding.missing) + call[0].bytes());
}

Value str_center(Runtime& runtime, Call& call) {
  const Padding padding = padding_of(runtime, call, "center");
  // If the width is odd, the extra blank goes to the left.
  const int64_t width = index_of(call[1]);
  const int64_t left = padding.missing / 2 + (padding.missing & width & 1);
  return same_kind(
      call,
      fill_text(padding, left) + call[0].bytes() + fill_text(padding, padding.missing - left));
}

Value str_zfill(Runtime& runtime, Call& call) {
  const std::string& text = call[0].bytes();
  const int64_t missing = index_of(call[1]) - static_cast<int64_t>(call[0].text_data().length);
  if (missing <= 0) return same_kind(call, text);
  runtime.charge(missing, 1);
  const size_t sign = text.starts_with('+') || text.starts_with('-') ? 1 : 0;
  return same_kind(
      call,
      text.substr(0, sign) + std::string(static_cast<size_t>(missing), '0') + text.substr(sign));
}

Value str_expandtabs(Runtime& runtime, Call& call) {
  const int64_t size = call.has(1) ? index_of(call[1]) : 8;
  const std::string& text = call[0].bytes();
  std::string out;
  int64_t column = 0;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = decode_at(text, at);
    if (c == '\t') {
      const int64_t blanks = size > 0 ? size - column % size : 0;
      runtime.charge(blanks, 1);
      out.append(static_cast<size_t>(blanks), ' ');
      column += blanks;
      continue;
    }
    append_code_point(out, c);
    column = c == '\n' || c == '\r' ? 0 : column + 1;
  }
  return same_kind(call, std::move(out));
}

// ---- formatting and tables

Value str_format(Runtime& runtime, Call& call) {
  const Value format = call[0];
  return brace_format(runtime, format, {std::move(call.rest), std::move(call.named)});
}

Value str_format_map(Runtime& runtime, Call& call) {
  return brace_format_map(runtime, call[0], call[1]);
}

Value str_encode(Runtime&, Call&) {
  unsupported("str.encode() is not supported: chat templates have no use for bytes");
}

Value str_maketrans(Runtime& runtime, Call& call) {
  Dict table;
  const auto code = [](char32_t c) { return Value::integer(static_cast<Int>(c)); };
  if (!call.has(2)) {
    if (!call[1].is_dict())
      type_error("if you give only one argument to maketrans it must be a dict");
    for (const auto& [key, value] : call[1].dict_data().entries()) {
      if (key.is_text()) {
        if (key.text_data().length != 1)
          value_error("string keys in translate table must be of length 1");
        table.set(code(to_code_points(key.bytes())[0]), value);
      } else if (key.is_int()) {
        table.set(key, value);
      } else {
        type_error("keys in translate table must be strings or integers");
      }
    }
    return Value::dict(std::move(table));
  }
  const std::u32string from = to_code_points(text_argument(call, 1, "maketrans"));
  const std::u32string to = to_code_points(text_argument(call, 2, "maketrans"));
  if (from.size() != to.size()) {
    value_error("the first two maketrans arguments must have equal length");
  }
  runtime.charge(from.size() * sizeof(Value));
  for (size_t i = 0; i < from.size(); ++i) table.set(code(from[i]), code(to[i]));
  if (call.has(3)) {
    for (const char32_t c : to_code_points(text_argument(call, 3, "maketrans"))) {
      table.set(code(c), Value::none());
    }
  }
  return Value::dict(std::move(table));
}

Value str_translate(Runtime& runtime, Call& call) {
  std::string out;
  for (const char32_t c : to_code_points(call[0].bytes())) {
    runtime.step();
    Value value;
    try {
      value = subscript(runtime, call[1], Value::integer(static_cast<Int>(c)));
    } catch (const PythonError& error) {
      if (error.type() != PythonError::Type::kLookup) throw;
    }
    if (value.is_missing()) {
      append_code_point(out, c);
    } else if (value.is_text()) {
      runtime.charge(value.bytes().size());
      out += value.bytes();
    } else if (value.is_int()) {
      if (value.as_int() < 0 || value.as_int() > 0x10FFFF) {
        value_error("character mapping must be in range(0x110000)");
      }
      append_code_point(out, static_cast<char32_t>(value.as_int()));
    } else if (!value.is_none()) {
      type_error("character mapping must return integer, None or str");
    }
  }
  return same_kind(call, std::move(out));
}

constexpr Function kStrMethods[] = {
    {"capitalize", "self, /", str_capitalize},
    {"casefold", "self, /", str_casefold},
    {"center", "self, width, fillchar?, /", str_center},
    {"count", "self, sub, start?, end?, /", str_count},
    {"encode", "self, encoding?, errors?", str_encode},
    {"endswith", "self, suffix, start?, end?, /", str_endswith},
    {"expandtabs", "self, tabsize?", str_expandtabs},
    {"find", "self, sub, start?, end?, /", str_find},
    {"format", "self, /, *args, **kwargs", str_format},
    {"format_map", "self, mapping, /", str_format_map},
    {"index", "self, sub, start?, end?, /", str_index},
    {"isalnum", "self, /", str_isalnum},
    {"isalpha", "self, /", str_isalpha},
    {"isascii", "self, /", str_isascii},
    {"isdecimal", "self, /", str_isdecimal},
    {"isdigit", "self, /", str_isdigit},
    {"isidentifier", "self, /", str_isidentifier},
    {"islower", "self, /", str_islower},
    {"isnumeric", "self, /", str_isnumeric},
    {"isprintable", "self, /", str_isprintable},
    {"isspace", "self, /", str_isspace},
    {"istitle", "self, /", str_istitle},
    {"isupper", "self, /", str_isupper},
    {"join", "self, iterable, /", str_join},
    {"ljust", "self, width, fillchar?, /", str_ljust},
    {"lower", "self, /", str_lower},
    {"lstrip", "self, chars?, /", str_lstrip},
    {"maketrans", "self, x, y?, z?, /", str_maketrans},
    {"partition", "self, sep, /", str_partition},
    {"removeprefix", "self, prefix, /", str_removeprefix},
    {"removesuffix", "self, suffix, /", str_removesuffix},
    {"replace", "self, old, new, count?, /", str_replace},
    {"rfind", "self, sub, start?, end?, /", str_rfind},
    {"rindex", "self, sub, start?, end?, /", str_rindex},
    {"rjust", "self, width, fillchar?, /", str_rjust},
    {"rpartition", "self, sep, /", str_rpartition},
    {"rsplit", "self, /, sep?, maxsplit?", str_rsplit},
    {"rstrip", "self, chars?, /", str_rstrip},
    {"split", "self, /, sep?, maxsplit?", str_split},
    {"splitlines", "self, /, keepends?", str_splitlines},
    {"startswith", "self, prefix, start?, end?, /", str_startswith},
    {"strip", "self, chars?, /", str_strip},
    {"swapcase", "self, /", str_swapcase},
    {"title", "self, /", str_title},
    {"translate", "self, table, /", str_translate},
    {"upper", "self, /", str_upper},
    {"zfill", "self, width, /", str_zfill},
};

}  // namespace

const Function* find_str_method(std::string_view name) { return find_in_table(kStrMethods, name); }

}  // namespace retmask::jinja
