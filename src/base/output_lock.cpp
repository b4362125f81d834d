#include "retmask/base/output_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/base/log.h"

namespace fs = std::filesystem;

namespace retmask {
namespace {

constexpr char kLockName[] = ".lock";

int flock_patiently(int fd, int operation) {
  int result = -1;
  do {
    result = ::flock(fd, operation);
  } while (result != 0 && errno == EINTR);
  return result;
}

// Whether `path` still names the open file: the holder removes it on release.
bool is_same_file(int fd, const fs::path& path) {
  struct stat open {};
  struct stat named {};
  return ::fstat(fd, &open) == 0 && ::stat(path.c_str(), &named) == 0 &&
         open.st_dev == named.st_dev && open.st_ino == named.st_ino;
}

}  // namespace

OutputLock::OutputLock(fs::path dir, Mode mode)
    : dir_(std::move(dir)), file_(dir_ / kLockName), process_(::getpid()) {
  make_folder();
  if (!take((mode == Mode::alone ? LOCK_EX : LOCK_SH) | LOCK_NB)) {
    user_error("another process is writing into ",
               dir_,
               "; wait for it to finish, or give another --out (",
               file_,
               " is its lock)");
  }
  make_output_dir(dir_);
}

OutputLock OutputLock::wait_for_turn(const fs::path& dir, const std::string& name) {
  OutputLock lock;
  lock.dir_ = dir;
  lock.file_ = dir / name;
  lock.process_ = ::getpid();
  lock.take(LOCK_EX);
  return lock;
}

OutputLock::OutputLock(OutputLock&& other) noexcept
    : dir_(std::move(other.dir_)),
      file_(std::move(other.file_)),
      made_(std::exchange(other.made_, {})),
      lock_(std::move(other.lock_)),
      process_(other.process_) {}

OutputLock::~OutputLock() {
  if (lock_.get() < 0 || process_ != ::getpid()) return;
  // The last of several holders removes the file, while holding the lock: a process that has opened
  // it meanwhile sees that it is gone and creates a new one.
  if (flock_patiently(lock_.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(file_.c_str());
  lock_.close();
  std::error_code error;
  for (fs::path dir = dir_; !made_.empty() && fs::remove(dir, error) && dir != made_;) {
    dir = dir.parent_path();  // only an empty folder is removed
  }
}

void OutputLock::make_folder() {
  std::error_code error;
  if (dir_.filename().empty()) dir_ = dir_.parent_path();  // "out/"
  for (fs::path dir = dir_; !dir.empty() && !fs::exists(dir, error); dir = dir.parent_path()) {
    made_ = dir;
  }
  fs::create_directories(dir_, error);
  if (error) {
    write_error(error.value(),
                "cannot make the output folder ",
                dir_,
                ": ",
                error.message(),
                "; give a writable --out");
  }
}

bool OutputLock::take(int operation) {
  while (true) {
    // No O_CLOEXEC: copies that outlive this process keep holding the lock.
    lock_ = FileDescriptor(::open(file_.c_str(), O_RDWR | O_CREAT, 0644));
    if (lock_.get() < 0) {
      const int error = errno;
      write_error(error,
                  "the output folder ",
                  dir_,
                  " cannot be written: ",
                  std::strerror(error),
                  "; give a writable --out");
    }
    if (flock_patiently(lock_.get(), operation) != 0) {
      if (errno == EWOULDBLOCK) {
        lock_ = FileDescriptor();
        return false;
      }
      log::warn(detail::concat(file_,
                               ": this file system does not support locks (",
                               std::strerror(errno),
                               "); let no other process write there"));
      return true;
    }
    if (is_same_file(lock_.get(), file_)) return true;
  }
}

}  // namespace retmask
