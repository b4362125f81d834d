#pragma once
// Notices that a rank died or hangs, and lets one rank say so.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "retmask/distributed/process_group.h"

namespace retmask::distributed {

// Two small threads: one writes this rank's heartbeat where the ranks met and reads the others',
// one judges. A rank that has been stopped (SIGSTOP, a swapping machine) gives none, and neither
// does one that hangs: a process that uses no processor time while it waits neither for the other
// ranks nor for a disk.
class Watchdog {
 public:
  // Called once, from a thread of the watchdog's; it shall end the process, whose main thread may
  // wait in a collective for ever. `message` says which rank was lost and why; it is empty where
  // another rank reports.
  using OnLoss = std::function<void(const std::string& message)>;

  // After all ranks have met. `limit`: the time without a heartbeat after which a rank counts as
  // lost. One rank alone is not watched. `group` outlives this object.
  Watchdog(const ProcessGroup& group, std::chrono::milliseconds limit, OnLoss on_loss);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // For the others' message about this rank.
  void at_step(int64_t step);
  // Whether no rank failed before this one, which then reports its own error, however long that
  // takes: from here on its watchdog does nothing. The others' watchdogs end them without a word.
  bool first_to_fail();
  // No rank is lost from here on: all have come to the job's end.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace retmask::distributed
