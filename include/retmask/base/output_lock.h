#pragma once
// A lock on an output folder: one run at a time, or the workers of one run.

#include <filesystem>
#include <string>

#include "retmask/base/file_descriptor.h"

namespace retmask {

// Holds <dir>/.lock, which the kernel releases when the process ends for any reason. Copies of this
// program started by run_copies() hold it too. A folder created for the lock is removed again if
// nothing was put into it.
class OutputLock {
 public:
  enum class Mode {
    alone,
    together,  // shared with other workers in this mode, each of which has its own subfolder
  };

  // Creates `dir` with its parents, takes the lock and checks with a trial file that the folder is
  // writable. Throws UserError at once, with nothing changed, when another process holds the lock.
  // If the file system does not support locks, it warns and continues.
  explicit OutputLock(std::filesystem::path dir, Mode mode = Mode::alone);
  ~OutputLock();
  OutputLock(OutputLock&& other) noexcept;
  OutputLock& operator=(OutputLock&&) = delete;

  // A short-lived lock with another name in `dir`, which must exist. Blocks until it is free.
  static OutputLock wait_for_turn(const std::filesystem::path& dir, const std::string& name);

 private:
  OutputLock() = default;
  // False if another process holds it.
  bool take(int operation);
  void make_folder();

  std::filesystem::path dir_;
  std::filesystem::path file_;
  std::filesystem::path made_;  // the topmost folder that was created; empty: none
  FileDescriptor lock_;
  int process_ = 0;
};

}  // namespace retmask
