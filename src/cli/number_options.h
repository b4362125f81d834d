#pragma once
// Numeric options and error messages for values that are not numbers.

#include <CLI/CLI.hpp>
#include <string>

namespace retmask::cli {

bool wants_whole_number(const CLI::Option& option);
bool wants_number(const CLI::Option& option);

// Lets an int64_t option accept short counts of tokens: 32k is 32,768, 1M is 1,048,576 (1.5k and
// 1Mi work too). Returns the option.
CLI::Option* take_short_counts(CLI::Option* option);
bool takes_short_counts(const CLI::Option& option);

// "32k" -> "32768"; other text is returned unchanged.
std::string expand_count(const std::string& text);

// Makes every numeric option of `command` reject an empty value and a number out of its type's
// range, and read 010 as ten. CLI11 would silently take the default, the nearest value or octal.
void read_numbers_strictly(CLI::App& command);

// `"abc", expected a whole number` for the first invalid value; empty if all are valid.
std::string wrong_number(const CLI::Option& option);

// The same with the flag's name, for the first invalid option of the parsed commands.
std::string wrong_number(const CLI::App& root);

}  // namespace retmask::cli
