#pragma once
// A command that runs as several ranks, started by itself (--nproc), torchrun or srun.

#include <chrono>
#include <functional>
#include <memory>

#include "retmask/distributed/process_group.h"
#include "retmask/distributed/watchdog.h"

namespace retmask::cli {

// Starts `count` copies of this program as ranks on this machine and waits for them. Throws
// SilentExit with the exit code of the rank that failed (and has reported why), or an error that
// names the rank killed by a signal.
void run_copies_as_ranks(int64_t count);

struct RankOptions {
  // A rank without a heartbeat for this long counts as lost.
  std::chrono::seconds watchdog_limit{30};
};

using RankBody = std::function<void(const std::shared_ptr<distributed::ProcessGroup>& group,
                                    distributed::Watchdog& watchdog)>;

// Runs rendezvous, `body` and shutdown. `body` must connect `group` before its first collective. An
// error or a lost rank is reported by one rank; the others throw SilentExit. With several ranks,
// stop points are disabled: ranks stop where they agree to.
void run_as_rank(const distributed::Placement& placement,
                 const RankOptions& options,
                 const RankBody& body);

// This rank's GPU if `device` is cuda, otherwise `device`.
torch::Device device_of_rank(torch::Device device, const distributed::Placement& placement);

}  // namespace retmask::cli
