#pragma once
// A command that runs as several ranks: as copies that it starts itself, or as what torchrun or
// srun have started.

#include <chrono>
#include <functional>
#include <memory>

#include "retmask/distributed/process_group.h"
#include "retmask/distributed/watchdog.h"

namespace retmask::cli {

// Starts `count` copies of this program as ranks on this machine and waits for them. Throws
// SilentExit with the code of the rank that ended the others (it has said why itself), or an error
// that names a rank which a signal ended.
void run_copies_as_ranks(int64_t count);

struct RankOptions {
  // Without a sign of life for this long, a rank counts as lost.
  std::chrono::seconds watchdog_limit{30};
};

using RankBody = std::function<void(const std::shared_ptr<distributed::ProcessGroup>& group,
                                    distributed::Watchdog& watchdog)>;

// Meets the other ranks, runs `body`, which connects `group` before its first collective, and says
// goodbye. Of an error that one or several ranks meet, and of a lost rank, one rank reports; the
// others end by SilentExit. Several ranks stop where they agree to: stop points are held off.
void run_as_rank(const distributed::Placement& placement,
                 const RankOptions& options,
                 const RankBody& body);

// The GPU of this rank where `device` is cuda; the CPU stays what it is.
torch::Device device_of_rank(torch::Device device, const distributed::Placement& placement);

}  // namespace retmask::cli
