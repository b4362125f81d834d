#pragma once
// Files that are either whole or absent.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "retmask/base/file_descriptor.h"

namespace retmask {

// The number of the descriptor of this process that `path` names: 0 for "/dev/stdin", 63 for
// "/dev/fd/63" (what a shell makes of <(...)). What such a path stands for differs each time.
std::optional<int> descriptor_of(const std::filesystem::path& path);

// Throws UserError for a pipe, a socket or a terminal, which can be read only once: inputs are read
// several times. `what` as below.
void check_not_a_stream(const std::filesystem::path& path, std::string_view what);

// Throws UserError when the file is missing or cannot be read; `what` names it for the user
// ("config file").
std::string read_text_file(const std::filesystem::path& path, std::string_view what);

// Writes to a temporary name beside `path`, syncs and renames, so that a kill or a full disk leaves
// the old file. Throws UserError (with the system's reason) when it cannot be written, StorageError
// when there is no room for it.
void write_file_atomic(const std::filesystem::path& path, std::string_view content);

// The same for a file that is written piece by piece: it appears at commit(), and without commit()
// nothing of it remains.
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

// Removes the temporary files of `path` that writers left behind when they were killed. Only where
// nobody can be writing it now.
void remove_leftovers(const std::filesystem::path& path);

// Makes `dir` with its parents and proves by a trial file that it can be written. Throws UserError.
void make_output_dir(const std::filesystem::path& dir);

// Removes and replaces: moves the finished `temporary` folder or file to `final_path` (same file
// system). An existing folder there is replaced. Throws UserError.
void commit_path(const std::filesystem::path& temporary, const std::filesystem::path& final_path);

// Pushes the entry of `path` in its folder to the disk, without which a power cut could undo a
// rename. Throws UserError.
void sync_folder_of(const std::filesystem::path& path);

// Pushes a file's (or folder's entry list's) content to the disk. Throws UserError.
void sync_path(const std::filesystem::path& path);

// SHA-256 of a file in hex. Throws UserError when it cannot be read or is a stream. Reads it whole;
// for weights use checkpoint_fingerprint (checkpoint/checkpoint.h).
std::string sha256_file(const std::filesystem::path& path);
std::string sha256(std::string_view bytes);

}  // namespace retmask
