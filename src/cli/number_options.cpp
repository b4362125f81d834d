#include "number_options.h"

#include <charconv>
#include <cmath>

namespace retmask::cli {
namespace {

template <typename Number>
bool is(const std::string& text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return stop == end && error == std::errc();
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

std::string wrong_number(const CLI::Option& option) {
  if (!wants_number(option)) return "";
  const bool whole = wants_whole_number(option);
  for (const std::string& value : option.results()) {
    if (whole ? is<int64_t>(value) : is<double>(value)) continue;
    const std::string example = takes_short_counts(option) ? " such as 4096 or 4k" : "";
    return "\"" + value + "\", expected a " + (whole ? "whole number" : "number") + example;
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
