#pragma once
// Who may write into a folder of results: one run at a time, or the workers of one.

#include <filesystem>
#include <string>

#include "retmask/base/file_descriptor.h"

namespace retmask {

// Holds <dir>/.lock, which the kernel lets go of when the process ends, however it ends. The copies
// of this program that run_copies() starts hold it too. A folder made for it goes again when
// nothing was put into it.
class OutputLock {
 public:
  enum class Mode {
    alone,
    together,  // with others in this mode: workers that each have a folder of their own inside
  };

  // Makes `dir` with its parents, takes the lock and proves by a trial file that the folder can be
  // written. Throws UserError at once, with nothing changed, when another process holds it. Where
  // the file system knows no locks it warns and goes on.
  explicit OutputLock(std::filesystem::path dir, Mode mode = Mode::alone);
  ~OutputLock();
  OutputLock(OutputLock&& other) noexcept;
  OutputLock& operator=(OutputLock&&) = delete;

  // A lock of another name in `dir`, which exists, for a moment's work: waits for its turn.
  static OutputLock wait_for_turn(const std::filesystem::path& dir, const std::string& name);

 private:
  OutputLock() = default;
  // False when another process holds it.
  bool take(int operation);
  void make_folder();

  std::filesystem::path dir_;
  std::filesystem::path file_;
  std::filesystem::path made_;  // the topmost folder that was made; empty: none was
  FileDescriptor lock_;
  int process_ = 0;
};

}  // namespace retmask
