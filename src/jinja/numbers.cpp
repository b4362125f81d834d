#include "numbers.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>

#include "retmask/jinja/unicode.h"

namespace retmask::jinja {
namespace {

constexpr Int kMaxInt = ~(Int{1} << 127);
// Below the first exponent, and from the second on, Python uses exponents: 1e-05, 1e+16.
constexpr int kMinFixedExponent = -4;
constexpr int kMaxFixedExponent = 16;

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 99;
}

// Strips white space and replaces digits of other scripts; any other non-ASCII character is kept
// and fails later.
std::string ascii_number(std::string_view text) {
  std::string out;
  text = strip_spaces(text, /*left=*/true, /*right=*/true);
  for (size_t at = 0; at < text.size();) {
    const char32_t c = decode_at(text, at);
    const int digit = decimal_value(c);
    if (digit >= 0) {
      out += static_cast<char>('0' + digit);
    } else {
      append_code_point(out, c);
    }
  }
  return out;
}

// "1_000": underscores are allowed only between digits.
bool drop_underscores(std::string& text, bool allow_leading) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
      continue;
    }
    const bool after =
        i > 0 ? std::isalnum(static_cast<unsigned char>(text[i - 1])) != 0 : allow_leading;
    const bool before =
        i + 1 < text.size() && std::isalnum(static_cast<unsigned char>(text[i + 1])) != 0;
    if (!after || !before) return false;
  }
  text = out;
  return true;
}

}  // namespace

std::string int_text(Int value) { return int_text(value, 10); }

std::string int_text(Int value, int base) {
  if (value == 0) return "0";
  unsigned __int128 rest =
      value < 0 ? -static_cast<unsigned __int128>(value) : static_cast<unsigned __int128>(value);
  std::string out;
  for (; rest > 0; rest /= static_cast<unsigned>(base)) {
    out += "0123456789abcdef"[static_cast<int>(rest % static_cast<unsigned>(base))];
  }
  if (value < 0) out += '-';
  std::reverse(out.begin(), out.end());
  return out;
}

std::string float_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::array<char, 64> buffer{};
  const auto end =
      std::to_chars(
          buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific)
          .ptr;
  // "-1.25e-05": sign, digits and exponent of the shortest text that round-trips.
  const std::string text(buffer.data(), end);
  const size_t e = text.find('e');
  const int exponent = std::stoi(text.substr(e + 1));
  const bool negative = text[0] == '-';
  std::string digits;
  for (const char c : text.substr(0, e)) {
    if (c >= '0' && c <= '9') digits += c;
  }
  std::string out = negative ? "-" : "";
  if (exponent < kMinFixedExponent || exponent >= kMaxFixedExponent) {
    out += digits[0];
    if (digits.size() > 1) out += "." + digits.substr(1);
    const std::string power = std::to_string(std::abs(exponent));
    return out + (exponent < 0 ? "e-" : "e+") + (power.size() < 2 ? "0" : "") + power;
  }
  if (exponent < 0) {
    return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  }
  const auto whole = static_cast<size_t>(exponent) + 1;
  if (digits.size() < whole) digits.resize(whole, '0');
  return out + digits.substr(0, whole) + "." + (digits.size() > whole ? digits.substr(whole) : "0");
}

std::optional<Int> parse_int(std::string_view source, int base) {
  std::string text = ascii_number(source);
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.erase(0, 1);
  }
  bool has_prefix = false;
  if (text.size() > 1 && text[0] == '0') {
    const char mark = static_cast<char>(std::tolower(static_cast<unsigned char>(text[1])));
    const int named = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
    if (named != 0 && (base == 0 || base == named)) {
      base = named;
      text.erase(0, 2);
      has_prefix = true;
    }
  }
  if (!drop_underscores(text, has_prefix) || text.empty()) return std::nullopt;
  if (base == 0) {
    // int("010", 0) is invalid.
    if (text[0] == '0' && text.find_first_not_of('0') != std::string::npos) return std::nullopt;
    base = 10;
  }
  Int value = 0;
  bool too_large = false;
  for (const char c : text) {
    const int digit = digit_of(c);
    if (digit >= base) return std::nullopt;
    if (value > (kMaxInt - digit) / base) too_large = true;
    if (!too_large) value = value * base + digit;
  }
  if (too_large) unsupported("the integer " + text.substr(0, 60) + " has more than 128 bits");
  return negative ? -value : value;
}

std::optional<double> parse_float(std::string_view source) {
  std::string text = ascii_number(source);
  bool negative = false;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    negative = text[0] == '-';
    text.erase(0, 1);
  }
  std::string lower = lower_case(text);
  double value = 0;
  if (lower == "inf" || lower == "infinity") {
    value = std::numeric_limits<double>::infinity();
  } else if (lower == "nan") {
    value = std::numeric_limits<double>::quiet_NaN();
  } else {
    for (size_t i = 0; i < lower.size(); ++i) {
      if (lower[i] != '_') continue;
      const bool between = i > 0 && i + 1 < lower.size() && digit_of(lower[i - 1]) < 10 &&
                           digit_of(lower[i + 1]) < 10;
      if (!between) return std::nullopt;
    }
    std::erase(lower, '_');
    if (lower.empty() || (digit_of(lower[0]) > 9 && lower[0] != '.')) return std::nullopt;
    const auto [end, error] = std::from_chars(
        lower.data(), lower.data() + lower.size(), value, std::chars_format::general);
    if (end != lower.data() + lower.size() || error == std::errc::invalid_argument) {
      return std::nullopt;
    }
    if (error == std::errc::result_out_of_range) value = std::strtod(lower.c_str(), nullptr);
  }
  return negative ? -value : value;
}

Int int_of_float(double value) {
  if (std::isnan(value)) value_error("cannot convert float NaN to integer");
  if (std::isinf(value)) {
    throw PythonError(PythonError::Type::kOverflow, "cannot convert float infinity to integer");
  }
  if (std::fabs(value) >= 1.7e38) unsupported("an integer of more than 128 bits");
  return static_cast<Int>(value);
}

int64_t index_of(const Value& value) {
  if (!value.is_int()) {
    type_error("'" + value.type_name() + "' object cannot be interpreted as an integer");
  }
  const Int number = value.as_int();
  constexpr Int kLow = std::numeric_limits<int64_t>::min();
  constexpr Int kHigh = std::numeric_limits<int64_t>::max();
  return static_cast<int64_t>(std::clamp(number, kLow, kHigh));
}

}  // namespace retmask::jinja
