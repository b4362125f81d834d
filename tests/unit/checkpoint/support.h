#pragma once
// Folders and damaged files for the checkpoint tests.

#include <gtest/gtest.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/checkpoint/checkpoint.h"

namespace retmask::testing {

namespace fs = std::filesystem;

inline fs::path golden(const std::string& name) { return fs::path(RETMASK_GOLDEN_DIR) / name; }

// A folder for a single test, removed at its end.
class TemporaryDir {
 public:
  explicit TemporaryDir(const fs::path& base = fs::temp_directory_path()) {
    std::string pattern = (base / "retmask-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~TemporaryDir() { fs::remove_all(path_); }
  TemporaryDir(const TemporaryDir&) = delete;
  TemporaryDir& operator=(const TemporaryDir&) = delete;
  fs::path operator/(const std::string& name) const { return path_ / name; }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

inline void write_text(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Runs `action`, which must throw a one-line Error that contains each of `parts`.
template <typename Error>
void expect_error_line(const std::function<void()>& action, const std::vector<std::string>& parts) {
  try {
    action();
    ADD_FAILURE() << "no error, expected one with \"" << parts.front() << "\"";
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    for (const std::string& part : parts) {
      EXPECT_NE(message.find(part), std::string::npos)
          << "\"" << part << "\" is not in: " << message;
    }
  }
}

inline void expect_user_error(const std::function<void()>& action,
                              const std::vector<std::string>& parts) {
  expect_error_line<UserError>(action, parts);
}

// A StorageError: the disk is full or fails.
inline void expect_storage_error(const std::function<void()>& action,
                                 const std::vector<std::string>& parts) {
  expect_error_line<StorageError>(action, parts);
}

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

inline std::vector<std::string> file_names(const fs::path& dir) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(dir)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
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

// Makes writes past `bytes` fail during its lifetime, as a full disk does.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
  void (*handler_)(int);
};

}  // namespace retmask::testing
