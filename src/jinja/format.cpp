#include "format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <functional>

#include "attributes.h"
#include "dict.h"
#include "html.h"
#include "numbers.h"
#include "operators.h"
#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

constexpr int kMaxPrecision = 1000;  // of a float; a double has no more digits

// [[fill]align][sign][z][#][0][width][grouping][.precision][type]
struct FormatSpec {
  std::string fill = " ";
  char align = '\0';
  char sign = '-';
  bool alternate = false;
  bool no_negative_zero = false;
  int64_t width = 0;
  char grouping = '\0';
  int64_t precision = -1;
  char type = '\0';
};

int64_t read_digits(const std::u32string& text, size_t& at) {
  int64_t value = -1;
  for (; at < text.size() && decimal_value(text[at]) >= 0; ++at) {
    value = std::min<int64_t>(std::max<int64_t>(value, 0) * 10 + decimal_value(text[at]),
                              int64_t{1} << 50);
  }
  return value;
}

FormatSpec parse_spec(std::string_view source, const std::string& type_name) {
  const std::u32string text = to_code_points(source);
  const auto is_align = [&](size_t at) {
    return at < text.size() &&
           (text[at] == '<' || text[at] == '>' || text[at] == '^' || text[at] == '=');
  };
  FormatSpec spec;
  size_t at = 0;
  bool has_fill = false;
  if (is_align(1)) {
    spec.fill = to_utf8(text.substr(0, 1));
    has_fill = true;
    spec.align = static_cast<char>(text[1]);
    at = 2;
  } else if (is_align(0)) {
    spec.align = static_cast<char>(text[0]);
    at = 1;
  }
  const auto take = [&](char32_t c) {
    if (at >= text.size() || text[at] != c) return false;
    ++at;
    return true;
  };
  if (at < text.size() && (text[at] == '+' || text[at] == '-' || text[at] == ' ')) {
    spec.sign = static_cast<char>(text[at++]);
  }
  spec.no_negative_zero = take('z');
  spec.alternate = take('#');
  if (!has_fill && take('0')) {
    spec.fill = "0";
    if (spec.align == '\0') spec.align = '=';
  }
  spec.width = std::max<int64_t>(read_digits(text, at), 0);
  if (take(',')) {
    spec.grouping = ',';
  } else if (take('_')) {
    spec.grouping = '_';
  }
  if (take('.')) {
    spec.precision = read_digits(text, at);
    if (spec.precision < 0) value_error("Format specifier missing precision");
  }
  if (at + 1 < text.size()) {
    value_error("Invalid format specifier '" + std::string(source) + "' for object of type '" +
                type_name + "'");
  }
  if (at < text.size()) {
    if (text[at] >= 0x80) value_error("Unknown format code");
    spec.type = static_cast<char>(text[at]);
  }
  return spec;
}

std::string repeat_text(const std::string& text, int64_t count) {
  std::string out;
  for (int64_t i = 0; i < count; ++i) out += text;
  return out;
}

// If align is '=', `sign` and the prefix come before the padding.
std::string padded(Runtime& runtime,
                   const FormatSpec& spec,
                   const std::string& sign,
                   const std::string& body,
                   char default_align) {
  const char align = spec.align == '\0' ? default_align : spec.align;
  const auto length = static_cast<int64_t>(count_code_points(sign) + count_code_points(body));
  const int64_t missing = std::max<int64_t>(spec.width - length, 0);
  runtime.charge(missing, spec.fill.size());
  switch (align) {
    case '<':
      return sign + body + repeat_text(spec.fill, missing);
    case '^':
      return repeat_text(spec.fill, missing / 2) + sign + body +
             repeat_text(spec.fill, missing - missing / 2);
    case '=':
      return sign + repeat_text(spec.fill, missing) + body;
    default:
      return repeat_text(spec.fill, missing) + sign + body;
  }
}

// Inserts separators between the leading digits of `number`. Zero padding is grouped as well.
std::string grouped(
    Runtime& runtime, std::string number, const FormatSpec& spec, int group, int64_t reserved) {
  if (spec.grouping == '\0') return number;
  const bool is_hex = group == 4;
  size_t digits = 0;
  while (digits < number.size() &&
         (is_hex ? std::isxdigit(static_cast<unsigned char>(number[digits])) != 0
                 : std::isdigit(static_cast<unsigned char>(number[digits])) != 0)) {
    ++digits;
  }
  const std::string rest = number.substr(digits);
  std::string whole = number.substr(0, digits);
  const auto with_separators = [&](const std::string& text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
      if (i > 0 && (text.size() - i) % static_cast<size_t>(group) == 0) out += spec.grouping;
      out += text[i];
    }
    return out;
  };
  std::string out = with_separators(whole);
  if (spec.fill == "0" && spec.align == '=') {
    runtime.charge(spec.width, 1);
    while (static_cast<int64_t>(out.size() + rest.size()) + reserved < spec.width) {
      whole.insert(0, "0");
      out = with_separators(whole);
    }
  }
  return out + rest;
}

std::string sign_text(bool negative, char sign) {
  if (negative) return "-";
  return sign == '-' ? "" : std::string(1, sign);
}

std::string printed(const char* format, int precision, double value) {
  std::array<char, 64> small{};
  const int size = std::snprintf(small.data(), small.size(), format, precision, value);
  if (size < static_cast<int>(small.size())) return {small.data(), static_cast<size_t>(size)};
  std::string large(static_cast<size_t>(size) + 1, '\0');
  std::snprintf(large.data(), large.size(), format, precision, value);
  large.resize(static_cast<size_t>(size));
  return large;
}

// Formats a non-negative value with one of the types e, f, g, %, n or none.
std::string float_digits(double value, char type, int64_t precision, bool alternate) {
  if (!std::isfinite(value)) {
    return std::string(std::isnan(value) ? "nan" : "inf") + (type == '%' ? "%" : "");
  }
  if (precision > kMaxPrecision) {
    unsupported("a precision of more than " + std::to_string(kMaxPrecision) + " digits");
  }
  const auto digits = static_cast<int>(precision < 0 ? 6 : precision);
  switch (type) {
    case 'e':
    case 'E':
      return printed(alternate ? "%#.*e" : "%.*e", digits, value);
    case 'f':
    case 'F':
      return printed(alternate ? "%#.*f" : "%.*f", digits, value);
    case '%':
      return printed(alternate ? "%#.*f" : "%.*f", digits, value * 100) + "%";
    case 'g':
    case 'G':
    case 'n':
      return printed(alternate ? "%#.*g" : "%.*g", digits == 0 ? 1 : digits, value);
    default:
      break;
  }
  if (precision < 0) return float_repr(value);
  // No type: like g, with at least one digit after the point, and exponents from `precision` on.
  const int significant = digits == 0 ? 1 : digits;
  std::string text = printed("%.*e", significant - 1, value);
  const int exponent = std::stoi(text.substr(text.find('e') + 1));
  if (exponent < -4 || exponent >= significant - (digits == 0 ? 0 : 1)) {
    std::string mantissa = text.substr(0, text.find('e'));
    if (mantissa.find('.') != std::string::npos) {
      mantissa.erase(mantissa.find_last_not_of('0') + 1);
      if (mantissa.ends_with('.')) mantissa.pop_back();
    }
    return mantissa + text.substr(text.find('e'));
  }
  text = printed("%.*g", significant, value);
  return text.find('.') == std::string::npos ? text + ".0" : text;
}

[[noreturn]] void bad_code(const FormatSpec& spec, const std::string& type) {
  value_error(std::string("Unknown format code '") + spec.type + "' for object of type '" + type +
              "'");
}

std::string format_float(Runtime& runtime, double value, const FormatSpec& spec) {
  if (spec.type != '\0' && std::string_view("eEfFgGn%").find(spec.type) == std::string_view::npos) {
    bad_code(spec, "float");
  }
  std::string digits = float_digits(std::fabs(value), spec.type, spec.precision, spec.alternate);
  bool negative = std::signbit(value) && !std::isnan(value);
  if (spec.no_negative_zero && digits.find_first_of("123456789in") == std::string::npos) {
    negative = false;
  }
  if (spec.type == 'E' || spec.type == 'F' || spec.type == 'G') digits = upper_case(digits);
  const std::string sign = sign_text(negative, spec.sign);
  digits = grouped(runtime, digits, spec, 3, static_cast<int64_t>(sign.size()));
  return padded(runtime, spec, sign, digits, '>');
}

std::string format_int(Runtime& runtime, Int value, const FormatSpec& spec) {
  if (spec.type != '\0' && std::string_view("eEfFgG%").find(spec.type) != std::string_view::npos) {
    return format_float(runtime, static_cast<double>(value), spec);
  }
  if (spec.precision >= 0) value_error("Precision not allowed in integer format specifier");
  if (spec.type == 'c') {
    if (value < 0 || value > 0x10FFFF) {
      throw PythonError(PythonError::Type::kOverflow, "%c arg not in range(0x110000)");
    }
    std::string one;
    append_code_point(one, static_cast<char32_t>(value));
    return padded(runtime, spec, "", one, '<');
  }
  int base = 10;
  std::string prefix;
  switch (spec.type) {
    case '\0':
    case 'd':
    case 'n':
      break;
    case 'b':
      base = 2;
      prefix = "0b";
      break;
    case 'o':
      base = 8;
      prefix = "0o";
      break;
    case 'x':
      base = 16;
      prefix = "0x";
      break;
    case 'X':
      base = 16;
      prefix = "0X";
      break;
    default:
      bad_code(spec, "int");
  }
  std::string digits = int_text(value, base);
  if (value < 0) digits.erase(0, 1);
  if (spec.type == 'X') digits = upper_case(digits);
  const std::string sign = sign_text(value < 0, spec.sign) + (spec.alternate ? prefix : "");
  digits = grouped(runtime, digits, spec, base == 10 ? 3 : 4, static_cast<int64_t>(sign.size()));
  return padded(runtime, spec, sign, digits, '>');
}

std::string format_text(Runtime& runtime, const std::string& text, const FormatSpec& spec) {
  if (spec.type != '\0' && spec.type != 's') bad_code(spec, "str");
  if (spec.sign != '-') value_error("Sign not allowed in string format specifier");
  if (spec.alternate) {
    value_error("Alternate form (#) not allowed in string format specifier");
  }
  if (spec.align == '=' && spec.fill != "0") {
    value_error("'=' alignment not allowed in string format specifier");
  }
  if (spec.grouping != '\0') value_error("Cannot specify a thousands separator for a string");
  std::string shown = text;
  if (spec.precision >= 0 && spec.precision < static_cast<int64_t>(count_code_points(text))) {
    shown = text.substr(0, byte_offset(text, static_cast<size_t>(spec.precision)));
  }
  FormatSpec plain = spec;
  if (plain.align == '=') plain.align = '<';
  return padded(runtime, plain, "", shown, '<');
}

// Python's format(value, spec).
std::string format_value(Runtime& runtime, const Value& value, const std::string& source) {
  if (source.empty()) return str(runtime, value);
  switch (value.kind()) {
    case Value::Kind::kText:
      return format_text(runtime, value.bytes(), parse_spec(source, "str"));
    case Value::Kind::kBool:
    case Value::Kind::kInt:
      return format_int(runtime, value.as_int(), parse_spec(source, value.type_name()));
    case Value::Kind::kFloat:
      return format_float(runtime, value.as_float(), parse_spec(source, "float"));
    default:
      type_error("unsupported format string passed to " + value.type_name() + ".__format__");
  }
}

std::string ascii_repr(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const char32_t c = decode_at(text, at);
    if (c < 0x80) {
      out += static_cast<char>(c);
      continue;
    }
    const int digits = c < 0x100 ? 2 : c < 0x10000 ? 4 : 8;
    const std::string hex = int_text(static_cast<Int>(c), 16);
    out += digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
    out += std::string(static_cast<size_t>(digits) - hex.size(), '0') + hex;
  }
  return out;
}

// A single str.format call.
class BraceFormatter {
 public:
  using Lookup = std::function<Value(const std::string& name)>;
  BraceFormatter(Runtime& runtime, const Items& positional, Lookup named, bool is_markup)
      : runtime_(runtime),
        positional_(positional),
        named_(std::move(named)),
        is_markup_(is_markup) {}

  // Like string.Formatter.vformat: fields inside a field's format are expanded, once.
  std::string run(std::string_view format, int depth = 2) {
    if (depth < 0) value_error("Max string recursion exceeded");
    std::string out;
    size_t at = 0;
    while (at < format.size()) {
      const char c = format[at];
      if (c != '{' && c != '}') {
        out += c;
        ++at;
        continue;
      }
      if (at + 1 < format.size() && format[at + 1] == c) {
        out += c;
        at += 2;
        continue;
      }
      if (c == '}') value_error("Single '}' encountered in format string");
      const size_t end = end_of_field(format, at);
      out += field(format.substr(at + 1, end - at - 1), depth);
      runtime_.charge(out.size() / 8);
      at = end + 1;
    }
    return out;
  }

 private:
  static size_t end_of_field(std::string_view format, size_t at) {
    int depth = 0;
    for (; at < format.size(); ++at) {
      if (format[at] == '{') ++depth;
      if (format[at] == '}' && --depth == 0) return at;
    }
    value_error("expected '}' before end of string");
  }

  std::string field(std::string_view text, int depth) {
    // "name!conversion:spec"; an index in brackets may contain both separators.
    size_t name_end = 0;
    bool in_brackets = false;
    for (; name_end < text.size(); ++name_end) {
      const char c = text[name_end];
      if (c == '{') value_error("unexpected '{' in field name");
      if (c == '[') in_brackets = true;
      if (c == ']') in_brackets = false;
      if (!in_brackets && (c == '!' || c == ':')) break;
    }
    std::string_view rest = text.substr(name_end);
    char conversion = '\0';
    if (rest.starts_with('!')) {
      if (rest.size() < 2) value_error("end of string while looking for conversion specifier");
      conversion = rest[1];
      rest.remove_prefix(2);
      if (!rest.empty() && rest[0] != ':') {
        value_error("expected ':' after conversion specifier");
      }
    }
    if (!rest.empty()) rest.remove_prefix(1);
    Value value = find_field(text.substr(0, name_end));
    switch (conversion) {
      case '\0':
        break;
      case 's':
        value = Value::text(str(runtime_, value));
        break;
      case 'r':
        value = Value::text(repr(runtime_, value));
        break;
      case 'a':
        value = Value::text(ascii_repr(repr(runtime_, value)));
        break;
      default:
        value_error("Unknown conversion specifier");
    }
    const std::string spec = run(rest, depth - 1);
    if (!is_markup_) return format_value(runtime_, value, spec);
    if (value.is_markup()) {
      if (!spec.empty()) value_error("Unsupported format specification for Markup.");
      return value.bytes();
    }
    return escape_html(format_value(runtime_, value, spec));
  }

  Value find_field(std::string_view name) {
    const size_t end = name.find_first_of(".[");
    const std::string first(name.substr(0, end));
    Value value;
    const bool is_number =
        !first.empty() && first.find_first_not_of("0123456789") == std::string::npos;
    if (first.empty() || is_number) {
      if (first.empty() ? manual_ : automatic_ && is_number) {
        value_error("cannot switch between manual and automatic field numbering");
      }
      (first.empty() ? automatic_ : manual_) = true;
      const auto place = first.empty() ? next_++ : static_cast<size_t>(*parse_int(first, 10));
      if (place >= positional_.size()) {
        lookup_error("Replacement index " + std::to_string(place) +
                     " out of range for positional args tuple");
      }
      value = positional_[place];
    } else {
      value = named_(first);
    }
    std::string_view rest = end == std::string_view::npos ? std::string_view() : name.substr(end);
    while (!rest.empty()) {
      if (rest[0] == '.') {
        const size_t stop = rest.find_first_of(".[", 1);
        const std::string attribute(rest.substr(1, stop - 1));
        if (attribute.empty()) value_error("Empty attribute in format string");
        value = get_attribute(runtime_, value, attribute);
        rest = stop == std::string_view::npos ? std::string_view() : rest.substr(stop);
      } else if (rest[0] == '[') {
        const size_t stop = rest.find(']');
        if (stop == std::string_view::npos) value_error("Missing ']' in format string");
        const std::string key(rest.substr(1, stop - 1));
        if (key.empty()) value_error("Empty attribute in format string");
        const bool is_index = key.find_first_not_of("0123456789") == std::string::npos;
        value = get_item(
            runtime_, value, is_index ? Value::integer(*parse_int(key, 10)) : Value::text(key));
        rest.remove_prefix(stop + 1);
      } else {
        value_error("Only '.' or '[' may follow ']' in format field specifier");
      }
    }
    return value;
  }

  Runtime& runtime_;
  const Items& positional_;
  Lookup named_;
  bool is_markup_;
  size_t next_ = 0;
  bool automatic_ = false;
  bool manual_ = false;
};

// A single "%" conversion: flags, width, precision and letter.
struct Conversion {
  bool left = false;
  bool zero = false;
  bool alternate = false;
  char sign = '-';
  int64_t width = 0;
  int64_t precision = -1;
  char32_t letter = 0;
};

class PrintfFormatter {
 public:
  PrintfFormatter(Runtime& runtime, const Value& values, bool is_markup)
      : runtime_(runtime), values_(values), is_markup_(is_markup) {}

  std::string run(const std::u32string& format) {
    std::string out;
    for (size_t at = 0; at < format.size();) {
      if (format[at] != '%') {
        append_code_point(out, format[at++]);
        continue;
      }
      ++at;
      out += conversion(format, at);
      runtime_.charge(out.size() / 8);
    }
    const bool is_mapping = values_.is_dict() || values_.is_list() || values_.is_undefined() ||
                            (values_.is(Value::Kind::kObject) && values_.object()->has_items());
    const bool all_used =
        values_.is_tuple() ? next_ == values_.items().size() : next_ > 0 || is_mapping || used_key_;
    if (!all_used) type_error("not all arguments converted during string formatting");
    return out;
  }

 private:
  Value next_value() {
    if (values_.is_tuple()) {
      if (next_ >= values_.items().size()) type_error("not enough arguments for format string");
      return values_.items()[next_++];
    }
    if (next_++ > 0) type_error("not enough arguments for format string");
    return values_;
  }

  int64_t star() {
    const Value value = next_value();
    if (!value.is_int()) type_error("* wants int");
    return index_of(value);
  }

  std::string conversion(const std::u32string& format, size_t& at) {
    Conversion how;
    Value value;
    const auto current = [&]() -> char32_t {
      if (at >= format.size()) value_error("incomplete format");
      return format[at];
    };
    if (current() == '(') {
      int depth = 1;
      const size_t start = ++at;
      while (depth > 0) {
        if (at >= format.size()) value_error("incomplete format key");
        if (format[at] == ')') --depth;
        if (format[at] == '(') ++depth;
        ++at;
      }
      if (!values_.is_dict()) type_error("format requires a mapping");
      const std::string key = to_utf8(format.substr(start, at - start - 1));
      const Value* found = values_.dict_data().find(key);
      if (found == nullptr) lookup_error("no key " + repr_text(key) + " for the format");
      value = *found;
      used_key_ = true;
    }
    for (bool more = true; more;) {
      switch (current()) {
        case '-':
          how.left = true;
          break;
        case '+':
          how.sign = '+';
          break;
        case ' ':
          if (how.sign == '-') how.sign = ' ';
          break;
        case '#':
          how.alternate = true;
          break;
        case '0':
          how.zero = true;
          break;
        default:
          more = false;
      }
      if (more) ++at;
    }
    if (current() == '*') {
      ++at;
      how.width = star();
      if (how.width < 0) {
        how.left = true;
        how.width = -how.width;
      }
    } else {
      how.width = std::max<int64_t>(read_digits(format, at), 0);
    }
    if (current() == '.') {
      ++at;
      if (current() == '*') {
        ++at;
        how.precision = std::max<int64_t>(star(), 0);
      } else {
        how.precision = std::max<int64_t>(read_digits(format, at), 0);
      }
    }
    if (current() == 'h' || current() == 'l' || current() == 'L') ++at;
    how.letter = current();
    ++at;
    if (how.letter == '%') {
      if (format[at - 2] != '%') value_error("unsupported format character '%'");
      return "%";
    }
    if (value.is_missing()) value = next_value();
    return formatted(how, value);
  }

  std::string formatted(const Conversion& how, const Value& value) {
    FormatSpec spec;
    spec.align = how.left ? '<' : how.zero ? '=' : '>';
    if (how.zero && !how.left) spec.fill = "0";
    spec.width = how.width;
    spec.sign = how.sign;
    spec.alternate = how.alternate;
    switch (how.letter) {
      case 's':
      case 'r':
      case 'a':
        return text(how, spec, value);
      case 'c':
        return character(spec, value);
      case 'd':
      case 'i':
      case 'u':
      case 'o':
      case 'x':
      case 'X':
        return integer(how, spec, value);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        break;
      default:
        value_error("unsupported format character in a format string");
    }
    if (value.is_undefined()) {
      throw PythonError(PythonError::Type::kUndefined, value.undefined_message());
    }
    if (!value.is_number()) type_error("must be real number, not " + value.type_name());
    spec.type = static_cast<char>(how.letter);
    spec.precision = how.precision < 0 ? 6 : how.precision;
    return format_float(runtime_, value.as_float(), spec);
  }

  std::string text(const Conversion& how, FormatSpec& spec, const Value& value) {
    std::string shown = how.letter == 's' ? str(runtime_, value) : repr(runtime_, value);
    if (how.letter == 'a') shown = ascii_repr(shown);
    if (is_markup_ && !(how.letter == 's' && value.is_markup())) shown = escape_html(shown);
    spec.fill = " ";
    spec.align = how.left ? '<' : '>';
    spec.sign = '-';
    spec.alternate = false;
    spec.precision = how.precision;
    return format_text(runtime_, shown, spec);
  }

  std::string character(FormatSpec& spec, const Value& value) {
    std::string one;
    if (value.is_text() && value.text_data().length == 1) {
      one = value.bytes();
    } else if (value.is_int()) {
      const Int code = value.as_int();
      if (code < 0 || code > 0x10FFFF) {
        throw PythonError(PythonError::Type::kOverflow, "%c arg not in range(0x110000)");
      }
      append_code_point(one, static_cast<char32_t>(code));
    } else {
      type_error("%c requires int or char");
    }
    spec.fill = " ";
    if (spec.align == '=') spec.align = '>';
    return padded(runtime_, spec, "", one, '>');
  }

  std::string integer(const Conversion& how, FormatSpec& spec, const Value& value) {
    if (value.is_undefined()) {
      throw PythonError(PythonError::Type::kUndefined, value.undefined_message());
    }
    const bool is_decimal_letter = how.letter == 'd' || how.letter == 'i' || how.letter == 'u';
    Int number = 0;
    if (value.is_int()) {
      number = value.as_int();
    } else if (value.is(Value::Kind::kFloat) && is_decimal_letter) {
      number = int_of_float(value.as_float());
    } else {
      type_error(std::string("%") + static_cast<char>(how.letter) +
                 " format: a number is required, not " + value.type_name());
    }
    const int base = is_decimal_letter ? 10 : how.letter == 'o' ? 8 : 16;
    std::string digits = int_text(number, base);
    if (number < 0) digits.erase(0, 1);
    if (how.precision > static_cast<int64_t>(digits.size())) {
      const int64_t zeros = how.precision - static_cast<int64_t>(digits.size());
      runtime_.charge(zeros, 1);
      digits.insert(0, std::string(static_cast<size_t>(zeros), '0'));
    }
    std::string sign = sign_text(number < 0, how.sign);
    if (how.alternate && base != 10) sign += how.letter == 'o' ? "0o" : "0x";
    std::string out = padded(runtime_, spec, sign, digits, '>');
    return how.letter == 'X' ? upper_case(out) : out;
  }

  Runtime& runtime_;
  const Value& values_;
  bool is_markup_;
  size_t next_ = 0;
  bool used_key_ = false;
};

}  // namespace

Value printf_format(Runtime& runtime, const Value& format, const Value& values) {
  PrintfFormatter formatter(runtime, values, format.is_markup());
  std::string text = formatter.run(to_code_points(format.bytes()));
  runtime.charge(text.size());
  return Value::text_like(std::move(text), format.is_markup());
}

Value brace_format(Runtime& runtime, const Value& format, const Arguments& arguments) {
  const auto find = [&](const std::string& name) {
    const Value* found = arguments.find(name);
    if (found == nullptr) lookup_error("no argument named '" + name + "' for the format");
    return *found;
  };
  BraceFormatter formatter(runtime, arguments.positional, find, format.is_markup());
  return Value::text_like(formatter.run(format.bytes()), format.is_markup());
}

Value brace_format_map(Runtime& runtime, const Value& format, const Value& mapping) {
  const Items none;
  const auto find = [&](const std::string& name) {
    return subscript(runtime, mapping, Value::text(name));
  };
  BraceFormatter formatter(runtime, none, find, format.is_markup());
  return Value::text_like(formatter.run(format.bytes()), format.is_markup());
}

}  // namespace retmask::jinja
