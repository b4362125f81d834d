// Programs that do harm fail alone.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "python_sandbox.h"

namespace retmask::eval {
namespace {

namespace fs = std::filesystem;

// Its temporary folder is ours alone, so that nothing else comes and goes there.
class PythonSandboxTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string folder = (fs::temp_directory_path() / "retmask-test-XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    fs::permissions(folder, fs::perms::all);
    ::setenv("TMPDIR", folder.c_str(), /*overwrite=*/1);
    SandboxLimits limits;
    limits.wall_time = std::chrono::milliseconds(2000);
    limits.memory_bytes = int64_t{512} << 20;
    sandbox_ = new PythonSandbox(limits);
  }
  static void TearDownTestSuite() {
    delete sandbox_;
    fs::remove_all(folder());
    ::unsetenv("TMPDIR");
  }
  static fs::path folder() { return fs::temp_directory_path(); }
  static std::string run(const std::string& program) { return sandbox_->run(program); }

  static inline PythonSandbox* sandbox_ = nullptr;
};

TEST_F(PythonSandboxTest, PassesAProgramThatRunsToItsEnd) {
  EXPECT_EQ(run("import math\nassert math.sqrt(4) == 2\n"), "passed");
  EXPECT_EQ(run("x = [1]\ndef f():\n  return x\nassert f() == [1]"), "passed");
}

TEST_F(PythonSandboxTest, FailsOneThatDoesNot) {
  EXPECT_EQ(run("assert 1 == 2"), "failed");
  EXPECT_EQ(run("def f(:"), "failed");
  EXPECT_EQ(run("import os\nos._exit(0)"), "ended early");
  EXPECT_EQ(run("exit(0)"), "ended early");
  EXPECT_EQ(run("import os\nos.write(3, b'0' * 16)\nos._exit(0)"), "ended early");
  EXPECT_EQ(run("raise SystemExit(0)"), "ended early");
}

TEST_F(PythonSandboxTest, EndsALoop) {
  EXPECT_EQ(run("while True:\n  pass"), "timed out");
  EXPECT_EQ(run("import time\ntime.sleep(1000)"), "timed out");
  EXPECT_EQ(run("import signal\n"
                "for s in (1, 2, 15):\n"
                "  signal.signal(s, signal.SIG_IGN)\n"
                "while True:\n  pass"),
            "timed out");
}

TEST_F(PythonSandboxTest, EndsAForkBombAndItsOrphans) {
  const std::string bomb =
      "import os, time\n"
      "try:\n"
      "  while True:\n"
      "    if os.fork() == 0:\n"
      "      os.setsid()\n"
      "except OSError:\n"
      "  time.sleep(1000)\n";
  EXPECT_EQ(run(bomb), "timed out");
  // A child that outlives its program would write here.
  const fs::path mark = folder() / "orphan";
  EXPECT_EQ(run("import os, time\n"
                "if os.fork() == 0:\n"
                "  os.setsid()\n"
                "  time.sleep(1)\n"
                "  open('" +
                mark.string() +
                "', 'w')\n"
                "  os._exit(0)\n"),
            "passed");
  ::usleep(1'300'000);
  EXPECT_FALSE(fs::exists(mark));
}

TEST_F(PythonSandboxTest, LimitsMemoryAndFiles) {
  EXPECT_EQ(run("x = bytearray(2 << 30)"), "failed");
  EXPECT_EQ(run("open('big', 'wb').write(bytes(100 << 20))"), "failed");
  EXPECT_EQ(run("f = [open('/dev/null') for _ in range(1000)]"), "failed");
}

TEST_F(PythonSandboxTest, CanWriteOnlyInItsFolder) {
  EXPECT_EQ(run("open('own', 'w').write('x')\nassert open('own').read() == 'x'"), "passed");
  const fs::path here = folder() / "outside";
  std::ofstream(here) << "kept";
  fs::permissions(here, fs::perms::all);
  EXPECT_EQ(run("open('" + here.string() + "', 'w').write('lost')"), "failed");
  EXPECT_EQ(run("import os\nos.remove('" + here.string() + "')"), "failed");
  EXPECT_EQ(run("open('" + here.string() + ".new', 'w')"), "failed");
  std::string text;
  std::ifstream(here) >> text;
  EXPECT_EQ(text, "kept");
  fs::remove(here);
  EXPECT_TRUE(fs::is_empty(folder()));  // the sandboxes' folders are gone
}

TEST_F(PythonSandboxTest, HasNoNetwork) {
  const int server = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(server, 1), 0);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::getsockname(server, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string port = std::to_string(::ntohs(address.sin_port));
  EXPECT_EQ(run("import socket\nsocket.create_connection(('127.0.0.1', " + port + "))"), "failed");
  ::close(server);
}

TEST_F(PythonSandboxTest, CannotHurtItsParents) {
  EXPECT_NE(run("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"), "");
  EXPECT_NE(run("import os, signal\nos.kill(-1, signal.SIGKILL)"), "");
  EXPECT_EQ(run("import os, signal\nos.kill(" + std::to_string(::getpid()) + ", signal.SIGKILL)"),
            "failed");
  EXPECT_EQ(run("pass"), "passed");
}

TEST_F(PythonSandboxTest, SaysWhatTheKernelAllows) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be sure of namespaces";
  EXPECT_EQ(sandbox_->isolation().describe(),
            "own user, no network, own processes, read-only files");
}

}  // namespace
}  // namespace retmask::eval
