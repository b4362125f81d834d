#pragma once
// Rows that are kept from the moment they are finished.

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "retmask/base/file_descriptor.h"
#include "retmask/base/json.h"

namespace retmask {

// An append-only .jsonl that survives a kill: rows are on disk (written and synced) when append
// returns, and opening it again gives the finished rows back, a torn last line cut off. It holds no
// rows in memory; one process at a time writes it.
class Journal {
 public:
  // `offset`: what read() takes.
  using Visitor = std::function<void(const Json& row, int64_t offset)>;

  // Visits the rows that an earlier run had finished. Throws UserError when a line other than the
  // last is not JSON, when the file cannot be written and when another process is writing it.
  explicit Journal(std::filesystem::path path, const Visitor& visit = nullptr);

  const std::filesystem::path& path() const { return path_; }
  bool empty() const { return size_ == 0; }

  // Returns the row's offset. Throws UserError when the disk is full; the rows before it are kept.
  int64_t append(const Json& row);

  // One row, and all of them, from the disk.
  Json read(int64_t offset) const;
  std::vector<Json> rows() const;

 private:
  // Returns where the last whole row ends.
  int64_t visit_whole_rows(const Visitor& visit) const;
  [[noreturn]] void fail_to_write() const;

  std::filesystem::path path_;
  FileDescriptor file_;
  int64_t size_ = 0;  // bytes of whole rows
};

}  // namespace retmask
