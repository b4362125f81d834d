// Preloaded (LD_PRELOAD) by tests: logs file operations of a program under the folder
// $CALL_LOG_FOLDER (create, write, fsync and rename) to the file $CALL_LOG, one line per call. With
// $CALL_LOG_BYTES the folder acts as a disk of that size: writes beyond it fail with ENOSPC.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdlib>
#include <string>

namespace {

std::atomic<long long> bytes_written = 0;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string path_of(int fd) {
  char path[PATH_MAX];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::readlink(link.c_str(), path, sizeof path);
  return size < 0 ? "" : std::string(path, static_cast<size_t>(size));
}

// Path relative to the folder: empty if outside, "." for the folder itself.
std::string name_of(const std::string& path) {
  static const std::string folder = variable("CALL_LOG_FOLDER");
  if (path == folder) return ".";
  return path.starts_with(folder + "/") ? path.substr(folder.size() + 1) : "";
}

void log(const std::string& line) {
  static const int file = [] {
    const std::string path = variable("CALL_LOG");
    return path.empty() ? -1
                        : static_cast<int>(::syscall(SYS_openat,
                                                     AT_FDCWD,
                                                     path.c_str(),
                                                     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
                                                     0644));
  }();
  if (file < 0) return;
  const std::string text = line + "\n";
  [[maybe_unused]] const long done = ::syscall(SYS_write, file, text.data(), text.size());
}

void log_of(const char* call, const std::string& path) {
  const std::string name = name_of(path);
  if (!name.empty()) log(call + (" " + name));
}

// Whether `size` more bytes of the file exceed the disk size.
bool is_full(int fd, size_t size) {
  static const std::string limit = variable("CALL_LOG_BYTES");
  if (limit.empty() || name_of(path_of(fd)).empty()) return false;
  return bytes_written.fetch_add(static_cast<long long>(size)) + static_cast<long long>(size) >
         std::atoll(limit.c_str());
}

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

ssize_t write_at(int fd, const void* data, size_t size, off_t offset) {
  log_of("write", path_of(fd));
  if (is_full(fd, size)) {
    errno = ENOSPC;
    return -1;
  }
  return ::syscall(SYS_pwrite64, fd, data, size, offset);
}

int open_file(const char* path, int flags, mode_t mode) {
  const bool is_new = (flags & O_CREAT) != 0 && ::access(path, F_OK) != 0;
  const int fd = static_cast<int>(::syscall(SYS_openat, AT_FDCWD, path, flags, mode));
  if (is_new && fd >= 0) log_of("create", path_of(fd));
  return fd;
}

mode_t mode_of(int flags, va_list& arguments) {
  return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_file(path, flags, mode);
}

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = mode_of(flags, arguments);
  va_end(arguments);
  return open_file(path, flags | O_LARGEFILE, mode);
}

ssize_t write(int fd, const void* data, size_t size) {
  log_of("write", path_of(fd));
  if (is_full(fd, size)) {
    errno = ENOSPC;
    return -1;
  }
  return ::syscall(SYS_write, fd, data, size);
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  return write_at(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  return write_at(fd, data, size, offset);
}

int fsync(int fd) {
  static auto* const real = next<int(int)>("fsync");
  log_of("fsync", path_of(fd));
  return real(fd);
}

int fdatasync(int fd) {
  static auto* const real = next<int(int)>("fdatasync");
  log_of("fsync", path_of(fd));
  return real(fd);
}

int rename(const char* from, const char* to) {
  static auto* const real = next<int(const char*, const char*)>("rename");
  const std::string name = name_of(to);
  if (!name.empty()) log("rename " + name_of(from) + " " + name);
  return real(from, to);
}

}  // extern "C"
