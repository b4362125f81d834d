#pragma once
// Damaged files and changes of a folder, for the checkpoint tests.

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "retmask/base/file.h"
#include "retmask/checkpoint/checkpoint.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/files.h"
#include "unit/support/golden_files.h"
#include "unit/support/temp_dir.h"

namespace retmask::testing {

namespace fs = std::filesystem;

// A safetensors file with an arbitrary header and `data_bytes` bytes of data.
inline std::string raw_safetensors(const std::string& header, size_t data_bytes) {
  const uint64_t size = header.size();
  return std::string(reinterpret_cast<const char*>(&size), sizeof size) + header +
         std::string(data_bytes, 'x');
}

inline std::vector<std::byte> to_bytes(std::span<const std::byte> bytes) {
  return {bytes.begin(), bytes.end()};
}

inline std::vector<std::byte> some_bytes(size_t count, int first = 1) {
  std::vector<std::byte> bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<std::byte>(first + static_cast<int>(i));
  return bytes;
}

// Records files added to and removed from a folder, in order: "+name" (by a rename), "-name".
class FolderLog {
 public:
  explicit FolderLog(const fs::path& dir) : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    if (::inotify_add_watch(fd_, dir.c_str(), IN_DELETE | IN_MOVED_TO | IN_ONLYDIR) < 0)
      ADD_FAILURE() << "inotify: " << std::strerror(errno);
  }
  ~FolderLog() { ::close(fd_); }
  FolderLog(const FolderLog&) = delete;
  FolderLog& operator=(const FolderLog&) = delete;

  // Changes since the last call; folders and hidden files are omitted.
  std::vector<std::string> names() const {
    std::vector<std::string> names;
    alignas(inotify_event) char buffer[65536];
    for (ssize_t size = 0; (size = ::read(fd_, buffer, sizeof buffer)) > 0;) {
      for (ssize_t at = 0; at < size;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        at += static_cast<ssize_t>(sizeof *event + event->len);
        if ((event->mask & IN_ISDIR) != 0 || event->name[0] == '.') continue;
        names.push_back(((event->mask & IN_DELETE) != 0 ? "-" : "+") + std::string(event->name));
      }
    }
    return names;
  }

 private:
  int fd_;
};

}  // namespace retmask::testing
