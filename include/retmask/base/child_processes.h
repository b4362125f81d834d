#pragma once
// Several copies of this program on one machine, watched by the one that started them.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace retmask {

// What a copy gets besides its parent's environment; a variable named here replaces the parent's.
using EnvironmentVariables = std::vector<std::pair<std::string, std::string>>;

struct CopyOptions {
  int64_t count = 1;
  // Of copy 0 .. count - 1.
  std::function<EnvironmentVariables(int64_t index)> environment;
  // What the program is called with, without its name. Empty: as this process was.
  std::vector<std::string> arguments;
  // Codes after which the other copies are left to finish by themselves.
  std::vector<int> orderly_exit_codes = {0};
  // The code of a copy that ended because another one did: it is never the cause.
  int peer_lost_exit_code = -1;
  // The copies begin with SIGTERM, SIGINT and SIGUSR1 blocked, until their StopSignals is there:
  // one that comes while a copy is still starting is not lost, and does not kill it.
  bool hold_signals = false;
  // Between asking the others to end (SIGTERM) and ending them (SIGKILL).
  std::chrono::milliseconds grace{5000};
};

// How a copy ended.
struct CopyExit {
  int64_t index = 0;
  int process_id = 0;
  int exit_code = 0;  // meaningless when `signal` is not 0
  int signal = 0;     // that ended it, 0: none

  // "exit code 3", "signal 9 (Killed)".
  std::string describe() const;
};

struct CopiesResult {
  // 0 when every copy ended with it; the cause's code (1 for a signal); else the first orderly
  // code that is not 0.
  int exit_code = 0;
  // The copy whose end made us end the others. A copy that ended with an exit code has said why
  // itself; one ended by a signal could not.
  std::optional<CopyExit> cause;
};

// Runs /proc/self/exe `count` times and returns when all have ended. The copies share this
// process's standard streams. SIGTERM, SIGINT and SIGUSR1 sent to this process are passed on (not
// what a terminal sends: that reaches the copies by itself); should this process die, the kernel
// kills them (PR_SET_PDEATHSIG). When one dies or fails the others are ended. Call it before the
// program has started threads: a signal could reach one of those. Throws UserError when no process
// can be started, Stopped where a signal came before.
CopiesResult run_copies(const CopyOptions& options);

// Ends the program with a code and without a message, for what was reported elsewhere already.
// main.cpp alone catches it.
class SilentExit : public std::runtime_error {
 public:
  explicit SilentExit(int exit_code)
      : std::runtime_error("ends with code " + std::to_string(exit_code)), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

}  // namespace retmask
