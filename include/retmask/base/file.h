#pragma once
// Files that are either whole or absent.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "retmask/base/file_descriptor.h"

namespace retmask {

// The descriptor of this process that `path` names: 0 for "/dev/stdin", 63 for "/dev/fd/63" (the
// shell's <(...)). Such a path refers to something else in each process.
std::optional<int> descriptor_of(const std::filesystem::path& path);

// Throws UserError for a pipe, a socket or a terminal, which can be read only once: inputs are read
// several times. `what`: see read_text_file.
void check_not_a_stream(const std::filesystem::path& path, std::string_view what);

// Throws UserError when the file is missing or cannot be read; `what` names it in the message
// ("config file").
std::string read_text_file(const std::filesystem::path& path, std::string_view what);

// Writes to a temporary file next to `path`, syncs and renames it, so that a kill or a full disk
// leaves the old file intact. Throws UserError (with the system's reason) when it cannot be
// written, StorageError when the disk is full.
void write_file_atomic(const std::filesystem::path& path, std::string_view content);

// The same for a file written in pieces: it appears at commit(); without commit() nothing remains.
class AtomicFile {
 public:
  // Each of these throws UserError as write_file_atomic does.
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(std::string_view bytes);
  void commit();

 private:
  [[noreturn]] void fail(const char* step) const;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  FileDescriptor file_;
  bool committed_ = false;
};

// Removes temporary files of `path` left by killed writers. Call it only when no process can be
// writing the file.
void remove_leftovers(const std::filesystem::path& path);

// Creates `dir` with its parents and checks with a trial file that it is writable. Throws
// UserError.
void make_output_dir(const std::filesystem::path& dir);

// Moves the finished `temporary` folder or file to `final_path` (same file system), replacing an
// existing folder there. Throws UserError.
void commit_path(const std::filesystem::path& temporary, const std::filesystem::path& final_path);

// Syncs the directory entry of `path`, without which a power failure could undo a rename. Throws
// UserError.
void sync_folder_of(const std::filesystem::path& path);

// Syncs the content of a file, or the entries of a folder. Throws UserError.
void sync_path(const std::filesystem::path& path);

// SHA-256 of a file in hex. Throws UserError when it cannot be read or is a stream. Reads the whole
// file; for weights use Checkpoint::fingerprint().
std::string sha256_file(const std::filesystem::path& path);
std::string sha256(std::string_view bytes);

}  // namespace retmask
