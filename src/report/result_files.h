#pragma once
// What the commands write into --out, as far as a later start has to know it.

#include <filesystem>
#include <string>

namespace retmask {

// Whether `out` holds something that `command` has made of its input: its journal, or a file that
// is handed on. Files that are empty, and what a start derives anew, are none.
bool holds_results(const std::filesystem::path& out, const std::string& command);

// The first file in `out` that `command` would take up or write over; empty when there is none.
std::filesystem::path first_result_file(const std::filesystem::path& out,
                                        const std::string& command);

// Whether there is anything but run.json and its like.
bool holds_other_files(const std::filesystem::path& out);

// Removes the temporary files of writers that were killed. Under the lock of `out` alone.
void remove_leftovers_of_runs(const std::filesystem::path& out);

}  // namespace retmask
