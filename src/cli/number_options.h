#pragma once
// Options that want numbers, and what is wrong with what they got.

#include <CLI/CLI.hpp>
#include <string>

namespace retmask::cli {

bool wants_whole_number(const CLI::Option& option);
bool wants_number(const CLI::Option& option);

// `"abc", expected a whole number` about the first value that is none; empty where all are.
std::string wrong_number(const CLI::Option& option);

// The same with the flag's name, about the first such option of the commands that were given.
std::string wrong_number(const CLI::App& root);

}  // namespace retmask::cli
