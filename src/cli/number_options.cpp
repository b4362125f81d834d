#include "number_options.h"

#include <charconv>

namespace retmask::cli {
namespace {

template <typename Number>
bool is(const std::string& text) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  return stop == end && error == std::errc();
}

}  // namespace

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
    if (whole ? !is<int64_t>(value) : !is<double>(value))
      return "\"" + value + "\", expected a " + (whole ? "whole number" : "number");
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
