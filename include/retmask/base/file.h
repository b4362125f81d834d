#pragma once
// Files that are either whole or absent.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace retmask {

// Throws UserError when the file is missing or cannot be read; `what` names it for the user
// ("config file").
std::string read_text_file(const std::filesystem::path& path, std::string_view what);

// Writes to a temporary name beside `path`, syncs and renames, so that a kill or a full disk leaves
// the old file. Throws UserError (with the system's reason) when it cannot be written.
void write_file_atomic(const std::filesystem::path& path, std::string_view content);

// Makes `dir` with its parents and proves by a trial file that it can be written. Throws UserError.
void make_output_dir(const std::filesystem::path& dir);

// Removes and replaces: moves the finished `temporary` folder or file to `final_path` (same file
// system). An existing folder there is replaced. Throws UserError.
void commit_path(const std::filesystem::path& temporary, const std::filesystem::path& final_path);

// Pushes a file's (or folder's entry list's) content to the disk. Throws UserError.
void sync_path(const std::filesystem::path& path);

// SHA-256 of a file in hex. Reads it whole; for weights use checkpoint_fingerprint
// (checkpoint/checkpoint.h).
std::string sha256_file(const std::filesystem::path& path);
std::string sha256(std::string_view bytes);

}  // namespace retmask
