#include "retmask/jinja/unicode.h"

#include <unicode/uchar.h>
#include <unicode/ustring.h>
#include <unicode/utf8.h>

#include <vector>

#include "retmask/base/format_text.h"

namespace retmask::jinja {
namespace {

UChar32 icu(char32_t c) { return static_cast<UChar32>(c); }

bool has_property(char32_t c, UProperty property) {
  return u_hasBinaryProperty(icu(c), property) != 0;
}

std::u16string to_utf16(std::string_view text) {
  std::u16string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) {
    const char32_t c = decode_at(text, at);
    if (c >= 0x10000) {
      out += static_cast<char16_t>(0xD7C0 + (c >> 10));
      out += static_cast<char16_t>(0xDC00 + (c & 0x3FF));
    } else {
      out += static_cast<char16_t>(c);
    }
  }
  return out;
}

std::string from_utf16(std::u16string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    char32_t c = text[i];
    if (c >= 0xD800 && c < 0xDC00 && i + 1 < text.size()) {
      c = ((c - 0xD7C0) << 10) + (text[++i] & 0x3FF);
    }
    append_code_point(out, c);
  }
  return out;
}

// `map` is an ICU string function: (dest, capacity, source, length, error) -> length.
template <typename Map>
std::string map_case(std::string_view text, const Map& map) {
  const std::u16string source = to_utf16(text);
  std::u16string out(source.size() + 16, u'\0');
  for (int attempt = 0; attempt < 2; ++attempt) {
    UErrorCode error = U_ZERO_ERROR;
    const int32_t size = map(out.data(),
                             static_cast<int32_t>(out.size()),
                             source.data(),
                             static_cast<int32_t>(source.size()),
                             &error);
    const bool fits = static_cast<size_t>(size) <= out.size();
    out.resize(static_cast<size_t>(size));
    if (fits) break;
  }
  return from_utf16(out);
}

bool is_ascii(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) >= 0x80) return false;
  }
  return true;
}

char ascii_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }
char ascii_upper(char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }

std::string with_title_case_at(std::string_view text, const std::vector<bool>& starts_word) {
  // Lower case depends on context (final sigma), so the whole text is lower-cased, and then the
  // first letters of words are replaced.
  std::string out;
  size_t index = 0;
  for (size_t at = 0; at < text.size(); ++index) {
    const size_t start = at;
    const char32_t c = decode_at(text, at);
    if (starts_word[index]) {
      out += title_case(c);
      continue;
    }
    if (c != 0x3A3) {
      out += lower_case(text.substr(start, at - start));
      continue;
    }
    // Sigma is final after a cased letter and before none. ICU decides from the surrounding text.
    const std::string before = lower_case(text.substr(0, start));
    const std::string after = lower_case(text.substr(at));
    const std::string whole = lower_case(text);
    out += whole.substr(before.size(), whole.size() - before.size() - after.size());
  }
  return out;
}

}  // namespace

size_t count_code_points(std::string_view text) {
  size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

size_t byte_offset(std::string_view text, size_t index) {
  size_t at = 0;
  while (index > 0 && at < text.size()) {
    decode_at(text, at);
    --index;
  }
  return at;
}

char32_t decode_at(std::string_view text, size_t& at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) {
    ++at;
    return lead;
  }
  auto place = static_cast<int32_t>(at);
  UChar32 c = 0;
  U8_NEXT_OR_FFFD(text.data(), place, static_cast<int32_t>(text.size()), c);
  at = static_cast<size_t>(place);
  return static_cast<char32_t>(c);
}

std::u32string to_code_points(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (size_t at = 0; at < text.size();) out += decode_at(text, at);
  return out;
}

std::string to_utf8(std::u32string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char32_t c : text) append_code_point(out, c);
  return out;
}

void append_code_point(std::string& out, char32_t c) {
  char buffer[U8_MAX_LENGTH];
  int32_t size = 0;
  U8_APPEND_UNSAFE(buffer, size, icu(c));
  out.append(buffer, static_cast<size_t>(size));
}

bool is_space(char32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 ||
         c == 0x2029;
}

bool is_alphabetic(char32_t c) { return u_isalpha(icu(c)) != 0; }
bool is_decimal(char32_t c) { return u_charType(icu(c)) == U_DECIMAL_DIGIT_NUMBER; }

bool is_digit(char32_t c) {
  const auto type = u_getIntPropertyValue(icu(c), UCHAR_NUMERIC_TYPE);
  return type == U_NT_DECIMAL || type == U_NT_DIGIT;
}

bool is_numeric(char32_t c) {
  return u_getIntPropertyValue(icu(c), UCHAR_NUMERIC_TYPE) != U_NT_NONE;
}

bool is_alphanumeric(char32_t c) { return is_alphabetic(c) || is_numeric(c); }
bool is_word(char32_t c) { return c == '_' || is_alphanumeric(c); }
bool is_lower(char32_t c) { return has_property(c, UCHAR_LOWERCASE); }
bool is_upper(char32_t c) { return has_property(c, UCHAR_UPPERCASE); }
bool is_title(char32_t c) { return u_charType(icu(c)) == U_TITLECASE_LETTER; }
bool is_cased(char32_t c) { return is_lower(c) || is_upper(c) || is_title(c); }

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  switch (u_charType(icu(c))) {
    case U_UNASSIGNED:
    case U_CONTROL_CHAR:
    case U_FORMAT_CHAR:
    case U_PRIVATE_USE_CHAR:
    case U_SURROGATE:
    case U_LINE_SEPARATOR:
    case U_PARAGRAPH_SEPARATOR:
    case U_SPACE_SEPARATOR:
      return false;
    default:
      return true;
  }
}

bool is_identifier_start(char32_t c) { return c == '_' || has_property(c, UCHAR_XID_START); }
bool is_identifier_part(char32_t c) { return has_property(c, UCHAR_XID_CONTINUE); }
int decimal_value(char32_t c) { return is_decimal(c) ? u_charDigitValue(icu(c)) : -1; }

std::string upper_case(std::string_view text) {
  if (is_ascii(text)) {
    std::string out(text);
    for (char& c : out) c = ascii_upper(c);
    return out;
  }
  return map_case(text, [](auto* out, auto capacity, auto* source, auto size, auto* error) {
    return u_strToUpper(out, capacity, source, size, "", error);
  });
}

std::string lower_case(std::string_view text) {
  if (is_ascii(text)) {
    std::string out(text);
    for (char& c : out) c = ascii_lower(c);
    return out;
  }
  return map_case(text, [](auto* out, auto capacity, auto* source, auto size, auto* error) {
    return u_strToLower(out, capacity, source, size, "", error);
  });
}

std::string fold_case(std::string_view text) {
  return map_case(text, [](auto* out, auto capacity, auto* source, auto size, auto* error) {
    return u_strFoldCase(out, capacity, source, size, U_FOLD_CASE_DEFAULT, error);
  });
}

std::string title_case(char32_t c) {
  if (c < 0x80) return {ascii_upper(static_cast<char>(c))};
  std::string one;
  append_code_point(one, c);
  if (is_title(c)) return one;
  // u_strToTitle would search for words; full title case differs from upper case for few letters.
  if (u_totitle(icu(c)) != u_toupper(icu(c))) {
    std::string out;
    append_code_point(out, static_cast<char32_t>(u_totitle(icu(c))));
    return out;
  }
  const std::u32string upper = to_code_points(upper_case(one));
  if (upper.size() == 1) return to_utf8(upper);
  // "ß" is "SS" in upper case and "Ss" at the start of a word; marks are unchanged. Greek letters
  // with iota subscript keep it.
  if (u_totitle(icu(c)) != icu(c)) {
    std::string out;
    append_code_point(out, static_cast<char32_t>(u_totitle(icu(c))));
    return out;
  }
  std::string out;
  append_code_point(out, upper[0]);
  const bool after_letter = is_cased(upper[0]);
  for (size_t i = 1; i < upper.size(); ++i) {
    // Additional letters of the upper case become small ("FI" -> "Fi"); an iota subscript remains.
    const char32_t small =
        upper[i] == 0x399 ? 0x345 : static_cast<char32_t>(u_tolower(icu(upper[i])));
    append_code_point(out, after_letter ? small : upper[i]);
  }
  return out;
}

std::string swap_case(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const char32_t c = decode_at(text, at);
    const std::string_view one = text.substr(start, at - start);
    if (is_upper(c)) {
      if (c == 0x3A3) {
        std::vector<bool> none(count_code_points(text), false);
        const std::string before = with_title_case_at(text.substr(0, start), none);
        const std::string whole = lower_case(text);
        const std::string after = lower_case(text.substr(at));
        out += whole.substr(before.size(), whole.size() - before.size() - after.size());
      } else {
        out += lower_case(one);
      }
    } else if (is_lower(c)) {
      out += upper_case(one);
    } else {
      out += one;
    }
  }
  return out;
}

std::string capitalized(std::string_view text) {
  std::vector<bool> starts(count_code_points(text), false);
  if (!starts.empty()) starts[0] = true;
  return with_title_case_at(text, starts);
}

std::string titled(std::string_view text) {
  std::vector<bool> starts;
  bool in_word = false;
  for (size_t at = 0; at < text.size();) {
    const bool cased = is_cased(decode_at(text, at));
    starts.push_back(cased && !in_word);
    in_word = cased;
  }
  // A caseless character is unchanged, and so is its lower case.
  return with_title_case_at(text, starts);
}

std::string_view strip_spaces(std::string_view text, bool left, bool right) {
  while (left && !text.empty()) {
    size_t at = 0;
    if (!is_space(decode_at(text, at))) break;
    text.remove_prefix(at);
  }
  while (right && !text.empty()) {
    size_t start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
    size_t at = start;
    if (!is_space(decode_at(text, at))) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

std::string repr_text(std::string_view text) {
  const bool has_single = text.find('\'') != std::string_view::npos;
  const bool has_double = text.find('"') != std::string_view::npos;
  const char quote = has_single && !has_double ? '"' : '\'';
  std::string out(1, quote);
  for (size_t at = 0; at < text.size();) {
    const char32_t c = decode_at(text, at);
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_printable(c)) {
      append_code_point(out, c);
    } else if (c < 0x100) {
      out += format_text("\\x%02x", static_cast<unsigned>(c));
    } else if (c < 0x10000) {
      out += format_text("\\u%04x", static_cast<unsigned>(c));
    } else {
      out += format_text("\\U%08x", static_cast<unsigned>(c));
    }
  }
  return out + quote;
}

}  // namespace retmask::jinja
