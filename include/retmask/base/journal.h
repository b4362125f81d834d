#pragma once
// A row journal: each row is durable as soon as it is finished.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "retmask/base/file_descriptor.h"
#include "retmask/base/json.h"

namespace retmask {

// An append-only .jsonl that survives a kill: append() returns once the row is on disk (written and
// synced), and reopening the file yields the finished rows; a torn last line is truncated. Rows are
// not kept in memory. One process at a time may write.
class Journal {
 public:
  // `offset`: the argument for read().
  using Visitor = std::function<void(const Json& row, int64_t offset)>;

  // Visits the rows finished by an earlier run. Throws UserError when a line other than the last is
  // not JSON, when the file cannot be written, and when another process is writing it.
  explicit Journal(std::filesystem::path path, const Visitor& visit = nullptr);

  const std::filesystem::path& path() const { return path_; }
  bool empty() const { return size_ == 0; }

  // Returns the row's offset. Throws UserError when the disk is full; earlier rows are kept.
  int64_t append(const Json& row);

  // Read one row, or all of them, back from disk.
  Json read(int64_t offset) const;
  std::vector<Json> rows() const;

 private:
  // Returns the end offset of the last complete row.
  int64_t visit_whole_rows(const Visitor& visit) const;
  [[noreturn]] void fail_to_write() const;

  std::filesystem::path path_;
  FileDescriptor file_;
  int64_t size_ = 0;  // bytes of complete rows
};

}  // namespace retmask
