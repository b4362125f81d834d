#include "ranks.h"

#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Logging.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <thread>

#include "retmask/base/child_processes.h"
#include "retmask/base/error.h"
#include "retmask/base/format_text.h"
#include "retmask/base/stop_signals.h"

namespace retmask::cli {
namespace {

constexpr int kFailure = 1;
constexpr int kUserMistake = 2;
// Exit code of a rank that ended because another one did, without printing anything.
constexpr int kPeerLost = 70;

[[noreturn]] void end_process(const std::string& message) {
  if (message.empty()) std::_Exit(kPeerLost);
  std::cerr << "retmask: error: " << message << std::endl;
  std::_Exit(kFailure);
}

// After a failed collective, waits until the watchdog of some rank reports which rank is lost, or
// until the parent process, which has seen a copy end, stops this one.
[[noreturn]] void wait_for_verdict(const distributed::Placement& placement,
                                   const RankOptions& options) {
  const bool is_copy = placement.launcher == distributed::Launcher::nproc;
  const auto deadline = std::chrono::steady_clock::now() + 2 * options.watchdog_limit;
  while (std::chrono::steady_clock::now() < deadline) {
    if (is_copy && stop_asked_by() != nullptr) throw SilentExit(kPeerLost);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  if (is_copy) throw SilentExit(kPeerLost);
  throw std::runtime_error(
      "the connection to another rank broke, but every rank still sends heartbeats; check the "
      "network");
}

// Runs `body`, then shuts down in order: no rank may disappear before all have finished.
void run_to_the_end(const std::shared_ptr<distributed::ProcessGroup>& group,
                    distributed::Watchdog& watchdog,
                    const RankBody& body) {
  const auto say_goodbye = [&] {
    group->barrier();
    watchdog.stop();
    group->finish();
  };
  try {
    body(group, watchdog);
  } catch (const Stopped&) {
    say_goodbye();
    throw;
  }
  say_goodbye();
}

// Ends this rank because another one reports the error. With kPeerLost the parent waits for that
// rank; another launcher may see this rank end first and shows `exit_code`.
[[noreturn]] void end_silently(const distributed::Placement& placement, int exit_code) {
  throw SilentExit(placement.launcher == distributed::Launcher::nproc ? kPeerLost : exit_code);
}

std::shared_ptr<distributed::ProcessGroup> meet(const distributed::Placement& placement) {
  try {
    return std::make_shared<distributed::ProcessGroup>(placement);
  } catch (const distributed::PeerLost&) {  // the peer has reported why, unless a signal hit all
    if (stop_asked_by() == nullptr) end_silently(placement, kFailure);
  } catch (const Stopped&) {
  }
  if (placement.rank > 0) throw SilentExit(kStoppedExitCode);
  throw Stopped(format_text("stopped by %s before all ranks had joined; run the same command again",
                            stop_asked_by()));
}

}  // namespace

void run_copies_as_ranks(int64_t count) {
  const uint16_t port = distributed::free_port();
  const CopiesResult result = run_copies(
      {.count = count,
       .environment =
           [&](int64_t index) { return distributed::environment_of_rank(index, count, port); },
       .arguments = {},
       .orderly_exit_codes = {0, kStoppedExitCode},
       .peer_lost_exit_code = kPeerLost,
       .hold_signals = true});
  if (result.cause && result.cause->signal != 0) {
    throw std::runtime_error(
        format_text("rank %ld (process %d) was ended by %s; the other ranks were stopped",
                    result.cause->index,
                    result.cause->process_id,
                    result.cause->describe().c_str()));
  }
  if (result.exit_code == kPeerLost) {
    throw std::runtime_error("the ranks lost the connection to each other");
  }
  if (result.exit_code != 0) throw SilentExit(result.exit_code);
}

void run_as_rank(const distributed::Placement& placement,
                 const RankOptions& options,
                 const RankBody& body) {
  // One line about a lost rank is enough; libtorch's warnings would repeat it.
  ::setenv("TORCH_CPP_LOG_LEVEL", "ERROR", /*overwrite=*/0);
  c10::initLogging();
  const auto group = meet(placement);
  std::optional<HoldStops> held;
  if (placement.size > 1) held.emplace();
  distributed::Watchdog watchdog(*group, options.watchdog_limit, end_process);
  try {
    run_to_the_end(group, watchdog, body);
  } catch (const Stopped&) {  // all ranks together
    if (!group->is_first()) throw SilentExit(kStoppedExitCode);
    throw;
  } catch (const distributed::PeerLost&) {
    wait_for_verdict(placement, options);
  } catch (const SilentExit&) {
    throw;
  } catch (const UserError&) {
    if (!watchdog.first_to_fail()) end_silently(placement, kUserMistake);
    throw;
  } catch (const std::exception&) {
    if (!watchdog.first_to_fail()) end_silently(placement, kFailure);
    throw;
  }
}

torch::Device device_of_rank(torch::Device device, const distributed::Placement& placement) {
  if (!device.is_cuda()) return device;
  const c10::impl::VirtualGuardImpl gpus(torch::kCUDA);
  const int64_t index = placement.local_rank % gpus.deviceCount();
  const torch::Device own(torch::kCUDA, static_cast<c10::DeviceIndex>(index));
  gpus.setDevice(own);
  return own;
}

}  // namespace retmask::cli
