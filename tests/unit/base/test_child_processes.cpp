#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <thread>

#include "retmask/base/child_processes.h"

namespace retmask {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kPeerLost = 77;

// The copies run this test program with one of the "Copy.*" tests below.
CopyOptions copies_that(const std::string& what, int64_t count) {
  return {.count = count,
          .environment =
              [](int64_t index) {
                return EnvironmentVariables{{"COPY_INDEX", std::to_string(index)},
                                            {"GTEST_TOTAL_SHARDS", "1"},
                                            {"GTEST_SHARD_INDEX", "0"}};
              },
          .arguments = {"--gtest_also_run_disabled_tests",
                        "--gtest_output=",
                        "--gtest_brief=1",
                        "--gtest_filter=Copy.DISABLED_" + what},
          .orderly_exit_codes = {0, 75},
          .peer_lost_exit_code = kPeerLost,
          .grace = milliseconds(500)};
}

int64_t own_index() { return std::atoll(std::getenv("COPY_INDEX")); }

void sleep_for(int64_t count) { std::this_thread::sleep_for(milliseconds(count)); }

void wait_forever() {
  while (true) ::pause();
}

// Test bodies executed by the copies.
class Copy : public ::testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("COPY_INDEX") == nullptr) GTEST_SKIP() << "started by other tests only";
  }
};

TEST_F(Copy, DISABLED_EndsWell) {}
TEST_F(Copy, DISABLED_FirstFails) {
  if (own_index() == 0) ::_exit(3);
  wait_forever();
}
TEST_F(Copy, DISABLED_FirstIsKilled) {
  if (own_index() == 0) ::raise(SIGKILL);
  sleep_for(100);
  ::_exit(kPeerLost);
}
TEST_F(Copy, DISABLED_FirstFailsAndTheOthersStop) {
  if (own_index() == 0) {
    sleep_for(200);
    ::_exit(3);
  }
  ::raise(SIGSTOP);
}
TEST_F(Copy, DISABLED_AsksForAnotherStart) {
  sleep_for(200 * own_index());
  ::_exit(own_index() == 0 ? 75 : 0);
}
TEST_F(Copy, DISABLED_EndsOnSigterm) {
  ::signal(SIGTERM, [](int) { ::_exit(75); });
  sleep_for(200);
  if (own_index() == 0) ::kill(::getppid(), SIGTERM);
  wait_forever();
}

TEST(RunCopies, ReturnsWhenAllHaveEnded) {
  const CopiesResult result = run_copies(copies_that("EndsWell", 3));
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_FALSE(result.cause);
}

TEST(RunCopies, OneThatFailsEndsTheOthers) {
  const auto start = steady_clock::now();
  const CopiesResult result = run_copies(copies_that("FirstFails", 3));
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_EQ(result.exit_code, 3);
  ASSERT_TRUE(result.cause);
  EXPECT_EQ(result.cause->index, 0);
  EXPECT_EQ(result.cause->describe(), "exit code 3");
}

TEST(RunCopies, TheKilledOneIsTheCauseNotThoseThatLostIt) {
  const CopiesResult result = run_copies(copies_that("FirstIsKilled", 3));
  EXPECT_EQ(result.exit_code, 1);
  ASSERT_TRUE(result.cause);
  EXPECT_EQ(result.cause->index, 0);
  EXPECT_EQ(result.cause->describe(), "signal 9 (Killed)");
}

TEST(RunCopies, AStoppedOneIsKilledAfterTheGraceTime) {
  const CopiesResult result = run_copies(copies_that("FirstFailsAndTheOthersStop", 2));
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_EQ(result.cause->index, 0);
}

TEST(RunCopies, AnOrderlyCodePassesThroughAndTheOthersFinish) {
  const CopiesResult result = run_copies(copies_that("AsksForAnotherStart", 3));
  EXPECT_EQ(result.exit_code, 75);
  EXPECT_FALSE(result.cause);
}

TEST(RunCopies, PassesASignalOn) {
  const CopiesResult result = run_copies(copies_that("EndsOnSigterm", 2));
  EXPECT_EQ(result.exit_code, 75);
  EXPECT_FALSE(result.cause);
}

}  // namespace
}  // namespace retmask
