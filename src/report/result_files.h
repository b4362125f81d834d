#pragma once
// The output files of each command, as far as a later start needs to know them.

#include <filesystem>
#include <string>

namespace retmask {

// Whether `out` holds results of `command`: its journal, or a file that is passed on. Empty files,
// and files that each start rewrites, do not count.
bool holds_results(const std::filesystem::path& out, const std::string& command);

// The first file in `out` that `command` would resume from or overwrite; empty if there is none.
std::filesystem::path first_result_file(const std::filesystem::path& out,
                                        const std::string& command);

// Whether there is anything other than run.json and the lock files.
bool holds_other_files(const std::filesystem::path& out);

// Removes temporary files of killed writers. The caller must hold the lock of `out`.
void remove_leftovers_of_runs(const std::filesystem::path& out);

}  // namespace retmask
