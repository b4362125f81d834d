#include <ATen/Parallel.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <thread>
#include <utility>

#include "retmask/base/stop_signals.h"
#include "retmask/distributed/process_group.h"
#include "retmask/distributed/watchdog.h"
#include "unit/support/expect_user_error.h"

namespace retmask::distributed {
namespace {

using std::chrono::milliseconds;

constexpr int kRightLoss = 41;  // the watchdog named the right rank
constexpr int kOtherLoss = 42;
constexpr int kSilent = 43;  // it left the message to another rank
constexpr int kBroken = 44;

// Runs one of the tests below that start with "Rank." in `size` processes.
CopiesResult run_ranks(const std::string& what, int64_t size) {
  const uint16_t port = free_port();
  return run_copies({.count = size,
                     .environment =
                         [&](int64_t index) {
                           EnvironmentVariables variables = environment_of_rank(index, size, port);
                           variables.emplace_back("GTEST_TOTAL_SHARDS", "1");
                           variables.emplace_back("GTEST_SHARD_INDEX", "0");
                           return variables;
                         },
                     .arguments = {"--gtest_also_run_disabled_tests",
                                   "--gtest_output=",
                                   "--gtest_brief=1",
                                   "--gtest_filter=Rank.DISABLED_" + what},
                     .orderly_exit_codes = {0, kSilent},
                     .peer_lost_exit_code = kBroken,
                     .grace = milliseconds(1000)});
}

class Rank : public ::testing::Test {
 protected:
  void SetUp() override {
    if (read_placement().launcher != Launcher::nproc) GTEST_SKIP() << "started by other tests only";
    at::set_num_threads(1);
  }
};

torch::Tensor iota(int64_t count, double factor) {
  return factor * torch::arange(count).to(torch::kFloat32);
}

TEST_F(Rank, DISABLED_Collectives) {
  ProcessGroup group(read_placement(), torch::kCPU);
  const int64_t ranks = group.size();
  const int64_t rank = group.rank();
  // Rank r has (r + 1) times 0, 1, 2, ...: their sum is `all` times that.
  const auto all = static_cast<double>(ranks * (ranks + 1) / 2);
  const torch::Tensor mine = iota(6 * ranks, static_cast<double>(rank + 1));
  const torch::Tensor sum = iota(6 * ranks, all);
  const torch::Tensor own_part = sum.narrow(0, 6 * rank, 6);

  torch::Tensor reduced = mine.clone();
  Pending first = group.all_reduce(reduced);
  torch::Tensor scattered = torch::empty({6});
  Pending second = group.reduce_scatter(scattered, mine);  // two at a time
  second.wait();
  first.wait();
  EXPECT_TRUE(torch::equal(reduced, sum));
  EXPECT_TRUE(torch::equal(scattered, own_part));

  torch::Tensor in_place = mine.clone();
  group.reduce_scatter(in_place.narrow(0, 6 * rank, 6), in_place).wait();
  EXPECT_TRUE(torch::equal(in_place.narrow(0, 6 * rank, 6), own_part));
  group.all_gather(in_place, in_place.narrow(0, 6 * rank, 6)).wait();
  EXPECT_TRUE(torch::equal(in_place, sum));

  torch::Tensor half = mine.to(torch::kBFloat16);
  group.broadcast(half, /*root=*/ranks - 1).wait();
  EXPECT_TRUE(torch::equal(half, iota(6 * ranks, static_cast<double>(ranks)).to(torch::kBFloat16)));
  EXPECT_EQ(group.sum({1.0, static_cast<double>(rank)}),
            (std::vector<double>{static_cast<double>(ranks), all - static_cast<double>(ranks)}));
  EXPECT_TRUE(group.any(rank == 1));
  EXPECT_FALSE(group.any(false));
  group.finish();
  if (HasFailure()) ::_exit(1);
}

// The addresses, in hexadecimal, on which a process of this machine listens on the port.
std::vector<std::string> listeners(uint16_t port) {
  std::vector<std::string> addresses;
  char wanted[8];
  std::snprintf(wanted, sizeof wanted, ":%04X", port);
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream in(table);
    std::string number, local, remote, state;
    for (std::string line; std::getline(in, line);) {
      std::istringstream(line) >> number >> local >> remote >> state;
      if (state == "0A" && local.ends_with(wanted)) addresses.push_back(local);
    }
  }
  return addresses;
}

TEST_F(Rank, DISABLED_ListensOnLoopbackAlone) {
  ProcessGroup group(read_placement(), torch::kCPU);
  const auto addresses = listeners(read_placement().master_port);
  ASSERT_EQ(addresses.size(), 1U);
  EXPECT_TRUE(addresses[0].starts_with("0100007F:")) << addresses[0];
  group.barrier();
  group.finish();
  if (HasFailure()) ::_exit(1);
}

// Rank 1 gives up while it waits for rank 2, which comes later.
TEST_F(Rank, DISABLED_OneGivesUpWhileAllMeet) {
  const Placement placement = read_placement();
  if (placement.rank == 2) ::usleep(1'500'000);
  const std::chrono::seconds patience(placement.rank == 1 ? 1 : 60);
  try {
    const ProcessGroup group(placement, ConnectOptions{.meeting_timeout = patience});
  } catch (const UserError& error) {
    ::_exit(placement.rank == 1 ? 0 : kOtherLoss);
  } catch (const PeerLost&) {
    ::_exit(placement.rank == 1 ? kOtherLoss : kSilent);
  }
  ::_exit(kOtherLoss);
}

// Rank `lost` stops or hangs; the others wait for it in a collective.
void lose_rank(int64_t lost, const std::function<void()>& stop) {
  const Placement placement = read_placement();
  ProcessGroup group(placement, torch::kCPU);
  const std::string expected = "rank " + std::to_string(lost) + " on ";
  Watchdog watchdog(group, milliseconds(1500), [&](const std::string& message) {
    if (message.empty()) ::_exit(kSilent);
    std::cerr << message << std::endl;
    const bool right = message.starts_with(expected) &&
                       message.find("no heartbeat for 1.5 s") != std::string::npos &&
                       message.find("step 7") != std::string::npos;
    ::_exit(right ? kRightLoss : kOtherLoss);
  });
  watchdog.at_step(7);
  ::usleep(600'000);
  group.barrier();
  if (placement.rank == lost) stop();
  try {
    group.barrier();
  } catch (const PeerLost&) {
    while (true) ::pause();  // the watchdog decides
  }
}

TEST_F(Rank, DISABLED_LastStops) {
  lose_rank(2, [] { ::raise(SIGSTOP); });
}
TEST_F(Rank, DISABLED_FirstStops) {
  lose_rank(0, [] { ::raise(SIGSTOP); });
}
// The watchdog's threads keep running.
TEST_F(Rank, DISABLED_LastHangs) {
  lose_rank(2, [] {
    ::alarm(20);
    while (true) ::pause();
  });
}
TEST_F(Rank, DISABLED_FirstHangs) {
  lose_rank(0, [] {
    ::alarm(20);
    while (true) ::pause();
  });
}

TEST_F(Rank, DISABLED_AllFail) {
  const Placement placement = read_placement();
  ProcessGroup group(placement, torch::kCPU);
  Watchdog watchdog(group, milliseconds(3000), [](const std::string& message) {
    ::_exit(message.empty() ? kSilent : kOtherLoss);
  });
  group.barrier();
  if (!watchdog.first_to_fail()) ::_exit(kSilent);
  ::usleep(1'200'000);  // its watchdog must leave it time to report
  ::_exit(kRightLoss);
}

TEST(ProcessGroup, OneRankAloneCopies) {
  ProcessGroup group;
  const torch::Tensor values = iota(4, 1);
  torch::Tensor out = torch::zeros({4});
  group.all_gather(out, values).wait();
  EXPECT_TRUE(torch::equal(out, values));
  EXPECT_EQ(group.sum({2.5}), std::vector<double>{2.5});
  EXPECT_TRUE(group.any(true));
}

TEST(ProcessGroup, CollectivesOfTwoAndThree) {
  for (const int64_t size : {2, 3}) {
    const CopiesResult result = run_ranks("Collectives", size);
    EXPECT_EQ(result.exit_code, 0) << size;
    EXPECT_FALSE(result.cause) << size;
  }
}

TEST(ProcessGroup, TheStoreOfCopiesListensOnLoopbackAlone) {
  const CopiesResult result = run_ranks("ListensOnLoopbackAlone", 2);
  EXPECT_EQ(result.exit_code, 0);
}

Placement first_of_two(Launcher launcher) {
  return {
      .launcher = launcher, .size = 2, .master_address = "127.0.0.1", .master_port = free_port()};
}

TEST(ProcessGroup, SaysForWhomItWaitsAndHowToRunAlone) {
  for (const auto& [launcher, advice] : {std::pair(Launcher::torchrun, "env -u RANK"),
                                         std::pair(Launcher::slurm, "env -u SLURM_STEP_ID")}) {
    const ConnectOptions options{.patience = milliseconds(200),
                                 .meeting_timeout = std::chrono::seconds(1)};
    ::testing::internal::CaptureStderr();
    expect_user_error([&] { ProcessGroup(first_of_two(launcher), options); },
                      {"rank 0 of 2 did not meet rank 1 within 1 s", advice});
    const std::string said = ::testing::internal::GetCapturedStderr();
    EXPECT_NE(said.find("rank 0 of 2 waits for rank 1."), std::string::npos) << said;
    EXPECT_NE(said.find(advice), std::string::npos) << said;

    Placement second = first_of_two(launcher);
    second.rank = 1;
    expect_user_error([&] { ProcessGroup(second, options); },
                      {"rank 1 of 2 did not meet rank 0 at 127.0.0.1:", advice});
  }
  EXPECT_LE(ConnectOptions().patience, std::chrono::seconds(8));
}

TEST(ProcessGroup, ASignalEndsTheWaitForOthers) {
  const StopSignals signals;
  for (const int64_t rank : {0, 1}) {
    Placement placement = first_of_two(Launcher::torchrun);
    placement.rank = rank;
    std::thread later([] {
      ::usleep(300'000);
      ::kill(::getpid(), SIGUSR1);
    });
    EXPECT_THROW(ProcessGroup{placement}, Stopped);
    later.join();
  }
}

TEST(ProcessGroup, WhoGivesUpTellsTheOthers) {
  const CopiesResult result = run_ranks("OneGivesUpWhileAllMeet", 3);
  EXPECT_EQ(result.exit_code, kSilent);
  EXPECT_FALSE(result.cause);
}

TEST(Watchdog, AStoppedRankIsNamedByOneOfTheOthers) {
  const CopiesResult result = run_ranks("LastStops", 3);
  ASSERT_TRUE(result.cause);
  EXPECT_EQ(result.cause->exit_code, kRightLoss) << result.cause->describe();
  EXPECT_NE(result.cause->index, 2);
}

TEST(Watchdog, ARankWhoseMainThreadHangsIsNamedToo) {
  for (const auto& [what, lost] : {std::pair("LastHangs", 2), std::pair("FirstHangs", 0)}) {
    const CopiesResult result = run_ranks(what, 3);
    ASSERT_TRUE(result.cause) << what;
    EXPECT_EQ(result.cause->exit_code, kRightLoss) << what << ": " << result.cause->describe();
    EXPECT_NE(result.cause->index, lost) << what;
  }
}

TEST(Watchdog, TheRankWhereAllMetIsNoExceptionToThat) {
  const CopiesResult result = run_ranks("FirstStops", 3);
  ASSERT_TRUE(result.cause);
  EXPECT_EQ(result.cause->exit_code, kRightLoss) << result.cause->describe();
  EXPECT_EQ(result.cause->index, 1);
}

TEST(Watchdog, OneOfSeveralThatFailReports) {
  const CopiesResult result = run_ranks("AllFail", 3);
  ASSERT_TRUE(result.cause);
  EXPECT_EQ(result.cause->exit_code, kRightLoss) << result.cause->describe();
}

}  // namespace
}  // namespace retmask::distributed
