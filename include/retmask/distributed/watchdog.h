#pragma once
// Detects that a rank died or hangs, and lets one rank report it.

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "retmask/distributed/process_group.h"

namespace retmask::distributed {

// Two threads: one writes this rank's heartbeat to the rendezvous store and reads the others', one
// looks for missing heartbeats. A stopped rank (SIGSTOP, a swapping machine) sends none, and
// neither does a hanging one: a process that uses no processor time and waits neither for other
// ranks nor for a disk.
class Watchdog {
 public:
  // Called once, from a watchdog thread. It must end the process, because the main thread may be
  // blocked in a collective. `message` says which rank was lost and why; it is empty if another
  // rank reports.
  using OnLoss = std::function<void(const std::string& message)>;

  // Create it after the rendezvous. `limit`: time without a heartbeat after which a rank counts as
  // lost. Does nothing for a single rank. `group` outlives this object.
  Watchdog(const ProcessGroup& group, std::chrono::milliseconds limit, OnLoss on_loss);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Sets the step shown in other ranks' messages about this rank.
  void at_step(int64_t step);
  // Call it when this rank fails; stops its watchdog. True if no other rank failed before: this
  // rank then reports its error, and the other ranks' watchdogs end them silently.
  bool first_to_fail();
  // Stops watching, because all ranks have reached the end of the job.
  void stop();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace retmask::distributed
