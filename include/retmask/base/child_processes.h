#pragma once
// Several copies of this program on one machine, supervised by the process that started them.

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace retmask {

// Environment variables of a copy, added to its parent's; a name set in both takes this value.
using EnvironmentVariables = std::vector<std::pair<std::string, std::string>>;

struct CopyOptions {
  int64_t count = 1;
  // For copy 0 .. count - 1.
  std::function<EnvironmentVariables(int64_t index)> environment;
  // Command-line arguments, without the program name. Empty: those of this process.
  std::vector<std::string> arguments;
  // Exit codes after which the other copies are left running.
  std::vector<int> orderly_exit_codes = {0};
  // Exit code of a copy that ended because it lost a peer: it is never the cause.
  int peer_lost_exit_code = -1;
  // The copies start with SIGTERM, SIGINT and SIGUSR1 blocked until their StopSignals exists: a
  // signal that arrives during startup is neither lost nor fatal.
  bool hold_signals = false;
  // Between asking the other copies to end (SIGTERM) and killing them (SIGKILL).
  std::chrono::milliseconds grace{5000};
};

// The end of a copy.
struct CopyExit {
  int64_t index = 0;
  int process_id = 0;
  int exit_code = 0;  // meaningless when `signal` is not 0
  int signal = 0;     // the signal that ended it, 0: none

  // "exit code 3", "signal 9 (Killed)".
  std::string describe() const;
};

struct CopiesResult {
  // 0 if every copy returned 0; otherwise the exit code of the cause (1 for a signal); otherwise
  // the first orderly code that is not 0.
  int exit_code = 0;
  // The copy whose end made us stop the others. A copy that ended with an exit code has reported
  // the reason itself; one killed by a signal could not.
  std::optional<CopyExit> cause;
};

// Runs /proc/self/exe `count` times and returns when all copies have ended. The copies share this
// process's standard streams. SIGTERM, SIGINT and SIGUSR1 sent to this process are forwarded
// (except those sent by a terminal, which reach the copies directly); if this process dies, the
// kernel kills the copies (PR_SET_PDEATHSIG). When one copy dies or fails, the others are ended.
// Call it before the program starts threads: a signal could be delivered to one of them. Throws
// UserError when no process can be started, Stopped when a signal arrived earlier.
CopiesResult run_copies(const CopyOptions& options);

// Ends the program with an exit code and no message, for errors that were already reported
// elsewhere. Caught only by main.cpp.
class SilentExit : public std::runtime_error {
 public:
  explicit SilentExit(int exit_code)
      : std::runtime_error("ends with code " + std::to_string(exit_code)), exit_code_(exit_code) {}
  int exit_code() const { return exit_code_; }

 private:
  int exit_code_;
};

}  // namespace retmask
