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

const PythonSandbox& sandbox() {
  static const PythonSandbox instance([] {
    SandboxLimits limits;
    limits.wall_time = std::chrono::milliseconds(2000);
    limits.memory_bytes = int64_t{512} << 20;
    return limits;
  }());
  return instance;
}

int64_t folders_left() {
  int64_t count = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(fs::temp_directory_path())) {
    count += entry.path().filename().string().starts_with("retmask-sandbox-");
  }
  return count;
}

TEST(PythonSandbox, PassesAProgramThatRunsToItsEnd) {
  EXPECT_EQ(sandbox().run("import math\nassert math.sqrt(4) == 2\n"), "passed");
  EXPECT_EQ(sandbox().run("x = [1]\ndef f():\n  return x\nassert f() == [1]"), "passed");
}

TEST(PythonSandbox, FailsOneThatDoesNot) {
  EXPECT_EQ(sandbox().run("assert 1 == 2"), "failed");
  EXPECT_EQ(sandbox().run("def f(:"), "failed");
  EXPECT_EQ(sandbox().run("import os\nos._exit(0)"), "ended early");
  EXPECT_EQ(sandbox().run("exit(0)"), "ended early");
  EXPECT_EQ(sandbox().run("import os\nos.write(3, b'0' * 16)\nos._exit(0)"), "ended early");
  EXPECT_EQ(sandbox().run("raise SystemExit(0)"), "ended early");
}

TEST(PythonSandbox, EndsALoop) {
  EXPECT_EQ(sandbox().run("while True:\n  pass"), "timed out");
  EXPECT_EQ(sandbox().run("import time\ntime.sleep(1000)"), "timed out");
  EXPECT_EQ(sandbox().run("import signal\n"
                          "for s in (1, 2, 15):\n"
                          "  signal.signal(s, signal.SIG_IGN)\n"
                          "while True:\n  pass"),
            "timed out");
}

TEST(PythonSandbox, EndsAForkBombAndItsOrphans) {
  const std::string bomb =
      "import os, time\n"
      "try:\n"
      "  while True:\n"
      "    if os.fork() == 0:\n"
      "      os.setsid()\n"
      "except OSError:\n"
      "  time.sleep(1000)\n";
  EXPECT_EQ(sandbox().run(bomb), "timed out");
  // A child that outlives its program would write here.
  const fs::path mark = fs::temp_directory_path() / ("retmask-orphan-" + std::to_string(getpid()));
  EXPECT_EQ(sandbox().run("import os, time\n"
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

TEST(PythonSandbox, LimitsMemoryAndFiles) {
  EXPECT_EQ(sandbox().run("x = bytearray(2 << 30)"), "failed");
  EXPECT_EQ(sandbox().run("open('big', 'wb').write(bytes(100 << 20))"), "failed");
  EXPECT_EQ(sandbox().run("f = [open('/dev/null') for _ in range(1000)]"), "failed");
}

TEST(PythonSandbox, CanWriteOnlyInItsFolder) {
  EXPECT_EQ(sandbox().run("open('own', 'w').write('x')\nassert open('own').read() == 'x'"),
            "passed");
  const fs::path here = fs::temp_directory_path() / ("retmask-outside-" + std::to_string(getpid()));
  std::ofstream(here) << "kept";
  fs::permissions(here, fs::perms::all);
  EXPECT_EQ(sandbox().run("open('" + here.string() + "', 'w').write('lost')"), "failed");
  EXPECT_EQ(sandbox().run("import os\nos.remove('" + here.string() + "')"), "failed");
  EXPECT_EQ(sandbox().run("open('" + here.string() + ".new', 'w')"), "failed");
  std::string text;
  std::ifstream(here) >> text;
  EXPECT_EQ(text, "kept");
  fs::remove(here);
  EXPECT_EQ(folders_left(), 0);
}

TEST(PythonSandbox, HasNoNetwork) {
  const int server = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(server, 1), 0);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::getsockname(server, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string port = std::to_string(::ntohs(address.sin_port));
  EXPECT_EQ(sandbox().run("import socket\nsocket.create_connection(('127.0.0.1', " + port + "))"),
            "failed");
  ::close(server);
}

TEST(PythonSandbox, CannotHurtItsParents) {
  EXPECT_NE(sandbox().run("import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"), "");
  EXPECT_NE(sandbox().run("import os, signal\nos.kill(-1, signal.SIGKILL)"), "");
  EXPECT_EQ(sandbox().run("import os, signal\nos.kill(" + std::to_string(::getpid()) +
                          ", signal.SIGKILL)"),
            "failed");
  EXPECT_EQ(sandbox().run("pass"), "passed");
}

TEST(PythonSandbox, SaysWhatTheKernelAllows) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can be sure of namespaces";
  EXPECT_EQ(sandbox().isolation().describe(),
            "own user, no network, own processes, read-only files");
}

}  // namespace
}  // namespace retmask::eval
