#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <optional>

#include "retmask/base/output_lock.h"
#include "unit/support/expect_user_error.h"
#include "unit/support/temp_dir.h"

namespace retmask {
namespace {

namespace fs = std::filesystem;
using Mode = OutputLock::Mode;

// Another process that holds the lock once hold() was called.
class OtherProcess {
 public:
  void hold(const fs::path& dir, Mode mode = Mode::alone) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    child_ = ::fork();
    if (child_ == 0) {
      const OutputLock lock(dir, mode);
      [[maybe_unused]] const ssize_t told = ::write(ready[1], "x", 1);
      ::pause();
      ::_exit(0);
    }
    char byte = 0;
    ASSERT_EQ(::read(ready[0], &byte, 1), 1);
    ::close(ready[0]);
    ::close(ready[1]);
  }
  void kill() {
    if (child_ <= 0) return;
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
    child_ = -1;
  }
  ~OtherProcess() { kill(); }

 private:
  pid_t child_ = -1;
};

TEST(OutputLock, KeepsASecondProcessOutAtOnce) {
  const testing::TempDir folder;
  const fs::path out = folder / "out";
  OtherProcess first;
  first.hold(out);
  const auto before = fs::last_write_time(out);
  expect_user_error([&] { OutputLock second(out); }, {"another process", "another --out", "out"});
  expect_user_error([&] { OutputLock second(out, Mode::together); }, {"another process"});
  EXPECT_EQ(fs::last_write_time(out), before) << "a refused process left something";
}

TEST(OutputLock, TheKernelLetsGoOfAKilledOne) {
  const testing::TempDir folder;
  const fs::path out = folder / "out";
  OtherProcess first;
  first.hold(out);
  first.kill();
  EXPECT_TRUE(fs::exists(out / ".lock"));
  EXPECT_NO_THROW(OutputLock second(out));
}

TEST(OutputLock, WorkersShareAFolderButNobodyElse) {
  const testing::TempDir folder;
  OtherProcess worker;
  worker.hold(folder / "out", Mode::together);
  {
    const OutputLock another(folder / "out", Mode::together);
    expect_user_error([&] { OutputLock merge(folder / "out"); }, {"another process"});
  }
  EXPECT_TRUE(fs::exists(folder / "out/.lock")) << "the first worker still holds it";
  worker.kill();
  EXPECT_NO_THROW(OutputLock merge(folder / "out"));
}

TEST(OutputLock, LeavesNothingButWhatWasPutIn) {
  const testing::TempDir folder;
  { const OutputLock lock(folder / "a/b/"); }
  EXPECT_FALSE(fs::exists(folder / "a"));
  {
    const OutputLock lock(folder / "a/b");
    std::ofstream(folder / "a/b/result") << "x";
  }
  EXPECT_TRUE(fs::exists(folder / "a/b/result"));
  EXPECT_FALSE(fs::exists(folder / "a/b/.lock"));
  fs::create_directory(folder / "empty");
  { const OutputLock lock(folder / "empty"); }
  EXPECT_TRUE(fs::exists(folder / "empty")) << "it was there before";
}

TEST(OutputLock, IsHeldByWhoInheritsIt) {
  const testing::TempDir folder;
  std::optional<OutputLock> lock(std::in_place, folder / "out");
  const pid_t child = ::fork();
  if (child == 0) {
    lock.reset();  // as when an exception leaves a copy: the parent still owns it
    ::pause();
    ::_exit(0);
  }
  EXPECT_TRUE(fs::exists(folder / "out/.lock"));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
}

TEST(OutputLock, AFolderThatCannotBeMade) {
  const testing::TempDir folder;
  std::ofstream(folder / "file") << "x";
  expect_user_error([&] { OutputLock lock(folder / "file/out"); }, {"file/out", "--out"});
}

}  // namespace
}  // namespace retmask
