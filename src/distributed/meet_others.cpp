#include "meet_others.h"

#include <algorithm>
#include <thread>

#include "retmask/base/error.h"
#include "retmask/base/log.h"
#include "retmask/base/stop_signals.h"

namespace retmask::distributed {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kMeetingInterval{50};
constexpr std::chrono::milliseconds kStoreTimeout{30000};
constexpr std::chrono::milliseconds kLeaveTimeout{2000};

std::string arrival_key(int64_t rank) { return "arrived/" + std::to_string(rank); }

std::string address_of(const Placement& placement) {
  return detail::concat(placement.master_address, ":", placement.master_port);
}

// Why this process is one of several ranks, and how to run it alone.
std::string launch_of(const Placement& placement) {
  switch (placement.launcher) {
    case Launcher::torchrun:
      return "as torchrun's RANK and WORLD_SIZE say; to run alone, start it with env -u RANK -u "
             "WORLD_SIZE";
    case Launcher::slurm:
      return "as srun's SLURM_PROCID and SLURM_STEP_NUM_TASKS or SLURM_NTASKS say; to run alone, "
             "start it with env -u SLURM_STEP_ID";
    default:
      return "as --nproc says";
  }
}

// Waits for other ranks: polls, warns once after `patience`, and fails after `meeting_timeout`.
class Wait {
 public:
  Wait(const Placement& placement, const ConnectOptions& options)
      : placement_(placement), options_(options) {}

  // One polling interval. `missing`: "the ranks 1, 2". `speaks`: this rank warns for all. Throws
  // Stopped, and UserError after the timeout.
  void poll(const std::string& missing, bool speaks) {
    stop_point();
    const auto elapsed = Clock::now() - start_;
    if (elapsed >= options_.meeting_timeout) {
      user_error(self(),
                 " did not meet ",
                 missing,
                 " within ",
                 options_.meeting_timeout.count(),
                 " s; check that all ranks were started. It is one of several ",
                 launch_of(placement_));
    }
    if (elapsed >= options_.patience && speaks && !warned_) {
      log::warn(self() + " waits for " + missing + ". It is one of several " +
                launch_of(placement_));
      warned_ = true;
    }
    std::this_thread::sleep_for(kMeetingInterval);
  }

 private:
  std::string self() const {
    return detail::concat("rank ", placement_.rank, " of ", placement_.size);
  }

  const Placement& placement_;
  const ConnectOptions& options_;
  const Clock::time_point start_ = Clock::now();
  bool warned_ = false;
};

// {"arrived/1", "arrived/2"} -> "the ranks 1, 2".
std::string in_words(const std::vector<std::string>& keys) {
  constexpr size_t kShown = 8;
  std::string words = keys.size() == 1 ? "rank " : "the ranks ";
  for (size_t i = 0; i < std::min(keys.size(), kShown); ++i) {
    words += (i > 0 ? ", " : "") + keys[i].substr(keys[i].find('/') + 1);
  }
  if (keys.size() > kShown) words += " and " + std::to_string(keys.size() - kShown) + " more";
  return words;
}

Rendezvous open_place(const Placement& placement, Wait& wait) {
  const bool listen = placement.rank == 0 && !placement.launcher_listens;
  while (!listen && !answers(placement)) {
    wait.poll(placement.launcher_listens ? "the launcher's store at " + address_of(placement)
                                         : "rank 0 at " + address_of(placement),
              /*speaks=*/true);
  }
  try {
    return Rendezvous(placement, listen, kStoreTimeout);
  } catch (const c10::Error& error) {
    user_error("rank ",
               placement.rank,
               " of ",
               placement.size,
               listen ? " cannot listen at " : " cannot connect to rank 0 at ",
               address_of(placement),
               ": ",
               error.what_without_backtrace());
  }
}

void wait_for_all(Rendezvous& place, const Placement& placement, Wait& wait) {
  place.set(arrival_key(placement.rank), "here");
  std::vector<std::string> waited_for;
  for (int64_t rank = 0; rank < placement.size; ++rank) waited_for.push_back(arrival_key(rank));
  while (true) {
    if (place.has(kFailedKey)) {
      place.leave(kLeavingKey, kLeaveTimeout);
      throw PeerLost("another rank failed during the rendezvous");
    }
    waited_for = place.missing(waited_for);
    if (waited_for.empty()) return;
    // The lowest rank that has arrived warns.
    bool is_first = true;
    for (int64_t rank = 0; rank < placement.rank && is_first; ++rank) {
      is_first = std::ranges::find(waited_for, arrival_key(rank)) != waited_for.end();
    }
    wait.poll(in_words(waited_for), is_first);
  }
}

}  // namespace

Rendezvous meet_others(const Placement& placement, const ConnectOptions& options) {
  Wait wait(placement, options);
  Rendezvous place = open_place(placement, wait);
  try {
    wait_for_all(place, placement, wait);
  } catch (const c10::Error& error) {
    throw PeerLost(detail::concat("rank ",
                                  placement.rank,
                                  " of ",
                                  placement.size,
                                  " lost rank 0 while it waited for the others: ",
                                  error.what_without_backtrace()));
  } catch (const PeerLost&) {
    throw;
  } catch (const std::exception&) {  // timed out or stopped
    try {
      place.claim(kFailedKey, std::to_string(placement.rank));
      place.leave(kLeavingKey, kLeaveTimeout);
    } catch (const std::exception&) {  // the others are gone
    }
    throw;
  }
  return place;
}

}  // namespace retmask::distributed
