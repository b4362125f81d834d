#pragma once
// Options that want numbers, and what is wrong with what they got.

#include <CLI/CLI.hpp>
#include <string>

namespace retmask::cli {

bool wants_whole_number(const CLI::Option& option);
bool wants_number(const CLI::Option& option);

// Lengths and counts of tokens may be given in short: 32k is 32,768, 1M is 1,048,576 (1.5k and 1Mi
// work too). The option holds int64_t; returns it.
CLI::Option* take_short_counts(CLI::Option* option);
bool takes_short_counts(const CLI::Option& option);

// "32k" -> "32768"; what is no such number as it is.
std::string expand_count(const std::string& text);

// Makes every option of `command` that wants a number refuse an empty text and a number that its
// type cannot hold, and read 010 as ten: CLI11 takes the nearest number, the default or octal
// digits without a word.
void read_numbers_strictly(CLI::App& command);

// `"abc", expected a whole number` about the first value that is none; empty where all are.
std::string wrong_number(const CLI::Option& option);

// The same with the flag's name, about the first such option of the commands that were given.
std::string wrong_number(const CLI::App& root);

}  // namespace retmask::cli
