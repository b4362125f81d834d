#include "number_options.h"

#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string_view>

namespace retmask::cli {
namespace {

// Whether the whole text is a number that `Number` can hold.
template <typename Number>
bool is(std::string_view text) {
  const bool has_plus = text.starts_with('+') && !text.starts_with("+-");
  const char* begin = text.data() + (has_plus ? 1 : 0);
  const char* end = text.data() + text.size();
  Number number{};
  const auto [stop, error] = std::from_chars(begin, end, number);
  return begin != end && stop == end && error == std::errc();
}

bool is_hexadecimal(std::string_view text) {
  uint64_t number = 0;
  if (!text.starts_with("0x")) return false;
  text.remove_prefix(2);
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  const bool fits = number <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max());
  return stop == text.data() + text.size() && error == std::errc() && fits;
}

bool is_unsigned(const CLI::Option& option) { return option.get_type_name().starts_with("UINT"); }

bool holds(const CLI::Option& option, const std::string& text) {
  if (!wants_whole_number(option)) return is<double>(text);
  if (is_hexadecimal(text)) return true;
  return is<int64_t>(text) || (is_unsigned(option) && is<uint64_t>(text));
}

bool is_beyond(const std::string& text) {
  return text.size() > 1 && text.find_first_not_of("0123456789", 1) == std::string::npos;
}

// "-007" -> "-7".
std::string without_leading_zeros(const std::string& text) {
  const size_t digits = text.find_first_not_of("+-");
  if (digits == std::string::npos || digits > 1) return text;
  const size_t first = text.find_first_not_of('0', digits);
  const bool all_digits = text.find_first_not_of("0123456789", digits) == std::string::npos;
  if (!all_digits || first == digits) return text;
  return text.substr(0, digits) + (first == std::string::npos ? "0" : text.substr(first));
}

constexpr char kCountType[] = "INT|4k";  // as --help shows it

}  // namespace

CLI::Option* take_short_counts(CLI::Option* option) {
  // The validator only rewrites the text; errors are reported by wrong_number().
  const auto expand = [](std::string& text) {
    text = expand_count(text);
    return std::string();
  };
  return option->type_name(kCountType)->transform(CLI::Validator(expand, ""));
}

bool takes_short_counts(const CLI::Option& option) {
  return option.get_type_name().starts_with(kCountType);
}

std::string expand_count(const std::string& text) {
  double number = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  std::string unit(stop, end);
  if (unit.size() == 2 && unit[1] == 'i') unit.pop_back();
  double factor = 0;
  if (unit == "k" || unit == "K") factor = 1 << 10;
  if (unit == "m" || unit == "M") factor = 1 << 20;
  const double count = number * factor;
  constexpr double kMost = 1e15;  // a double represents every whole number below it
  if (error != std::errc() || factor == 0 || count != std::floor(count) || count > kMost ||
      count < 0) {
    return text;
  }
  return std::to_string(static_cast<int64_t>(count));
}

bool wants_whole_number(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.starts_with("INT") || type.starts_with("UINT");
}

bool wants_number(const CLI::Option& option) {
  return wants_whole_number(option) || option.get_type_name().starts_with("FLOAT");
}

void read_numbers_strictly(CLI::App& command) {
  for (CLI::Option* option : command.get_options()) {
    if (!wants_number(*option)) continue;
    option->transform(CLI::Validator(
        [option](std::string& text) {
          if (wants_whole_number(*option)) text = without_leading_zeros(text);
          const bool short_count =
              takes_short_counts(*option) && holds(*option, expand_count(text));
          // The text is wrong_number()'s.
          return short_count || holds(*option, text) ? std::string() : std::string("no number");
        },
        ""));
  }
}

std::string wrong_number(const CLI::Option& option) {
  if (!wants_number(option)) return "";
  for (const std::string& value : option.results()) {
    if (holds(option, value)) continue;
    const std::string example = takes_short_counts(option) ? " such as 4096 or 4k" : "";
    return "\"" + value + "\", expected a " + (wants_whole_number(option) ? "whole " : "") +
           "number" + (is_beyond(value) ? " within 64 bits" : "") + example;
  }
  return "";
}

std::string wrong_number(const CLI::App& root) {
  for (const CLI::App* command : root.get_subcommands()) {
    for (const CLI::Option* option : command->get_options()) {
      const std::string wrong = wrong_number(*option);
      if (!wrong.empty()) return "--" + option->get_single_name() + " is " + wrong;
    }
  }
  return "";
}

}  // namespace retmask::cli
