#include "retmask/base/child_processes.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "retmask/base/error.h"
#include "retmask/base/stop_signals.h"

namespace retmask {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kRelayed[] = {SIGTERM, SIGINT, SIGUSR1};
// Poll interval of the parent, in case a signal was merged with another one.
constexpr timespec kPoll{.tv_sec = 0, .tv_nsec = 100'000'000};

// Blocks the relayed signals and SIGCHLD during its lifetime, so that sigtimedwait receives them.
class BlockedSignals {
 public:
  BlockedSignals() {
    ::sigemptyset(&set_);
    for (const int signal : kRelayed) ::sigaddset(&set_, signal);
    ::sigaddset(&set_, SIGCHLD);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~BlockedSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

  // The signal mask of a starting copy.
  sigset_t of_copies(bool hold) const {
    sigset_t signals = before_;
    for (const int signal : kRelayed) {
      if (hold) ::sigaddset(&signals, signal);
    }
    return signals;
  }
  // The next signal, or nullopt after kPoll.
  std::optional<siginfo_t> wait() const {
    siginfo_t info{};
    if (::sigtimedwait(&set_, &info, &kPoll) < 0) return std::nullopt;
    return info;
  }

 private:
  sigset_t set_{};
  sigset_t before_{};
};

std::vector<std::string> own_arguments() {
  std::ifstream in("/proc/self/cmdline", std::ios::binary);
  const std::string all{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
  std::vector<std::string> arguments;
  for (size_t begin = 0; begin < all.size();) {
    const size_t end = all.find('\0', begin);
    arguments.push_back(all.substr(begin, end - begin));
    begin = end + 1;
  }
  return arguments;
}

std::vector<std::string> environment_with(const EnvironmentVariables& extra) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const bool replaced = std::any_of(extra.begin(), extra.end(), [&](const auto& variable) {
      return text.starts_with(variable.first + "=");
    });
    if (!replaced) all.push_back(text);
  }
  for (const auto& [name, value] : extra) all.push_back(name + "=" + value);
  return all;
}

// The argument format of execve; points into `texts`.
std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

pid_t start_copy(std::vector<std::string> arguments,
                 std::vector<std::string> environment,
                 const sigset_t& signals) {
  const std::vector<char*> argv = pointers_to(arguments);
  const std::vector<char*> envp = pointers_to(environment);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  // Between fork and exec, only async-signal-safe calls.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);  // it died before prctl
  ::pthread_sigmask(SIG_SETMASK, &signals, nullptr);
  ::execve("/proc/self/exe", argv.data(), envp.data());
  ::_exit(127);
}

class Copies {
 public:
  explicit Copies(const CopyOptions& options) : options_(options) {}

  CopiesResult run() {
    stop_point();
    start();
    CopiesResult result;
    while (!running_.empty()) {
      if (const auto signal = signals_.wait()) relay(*signal);
      for (const CopyExit& exit : reap()) judge(exit, result);
      if (kill_at_ && Clock::now() >= *kill_at_) end_others(SIGKILL);
    }
    // Every copy reports that it lost a peer, except one that ended in an orderly way.
    if (!result.cause && peer_lost_ && result.exit_code == 0) result.cause = peer_lost_;
    if (result.cause) result.exit_code = result.cause->signal != 0 ? 1 : result.cause->exit_code;
    return result;
  }

 private:
  struct Running {
    int64_t index;
    pid_t process_id;
  };

  void start() {
    std::vector<std::string> arguments = own_arguments();
    if (!options_.arguments.empty()) {
      arguments.resize(1);
      arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
    }
    const sigset_t copies_signals = signals_.of_copies(options_.hold_signals);
    for (int64_t index = 0; index < options_.count; ++index) {
      const auto environment = environment_with(options_.environment ? options_.environment(index)
                                                                     : EnvironmentVariables());
      const pid_t process_id = start_copy(arguments, environment, copies_signals);
      if (process_id < 0) {
        const std::string reason = std::strerror(errno);
        end_others(SIGKILL);
        while (!running_.empty()) {
          reap();
          signals_.wait();
        }
        user_error("cannot start process ", index, " of ", options_.count, ": ", reason);
      }
      running_.push_back({index, process_id});
    }
  }

  void send(int signal) const {
    for (const Running& copy : running_) ::kill(copy.process_id, signal);
  }

  void end_others(int signal) {
    ending_ = true;
    send(signal);
  }

  void relay(const siginfo_t& info) const {
    const bool from_terminal = info.si_code == SI_KERNEL;
    if (info.si_signo != SIGCHLD && !from_terminal) send(info.si_signo);
  }

  std::vector<CopyExit> reap() {
    std::vector<CopyExit> ended;
    std::erase_if(running_, [&](const Running& copy) {
      int status = 0;
      if (::waitpid(copy.process_id, &status, WNOHANG) != copy.process_id) return false;
      ended.push_back({.index = copy.index,
                       .process_id = copy.process_id,
                       .exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0,
                       .signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0});
      return true;
    });
    // A signal kills its process at once, while reporting an error takes time: among copies that
    // ended between two polls, the killed ones came first.
    std::stable_sort(ended.begin(), ended.end(), [](const CopyExit& a, const CopyExit& b) {
      return (a.signal != 0) > (b.signal != 0);
    });
    return ended;
  }

  void judge(const CopyExit& exit, CopiesResult& result) {
    const auto& orderly = options_.orderly_exit_codes;
    const bool is_orderly =
        exit.signal == 0 &&
        std::find(orderly.begin(), orderly.end(), exit.exit_code) != orderly.end();
    if (is_orderly) {
      if (result.exit_code == 0) result.exit_code = exit.exit_code;
      return;
    }
    if (!kill_at_) kill_at_ = Clock::now() + options_.grace;
    // The peer that was lost may still be about to report the reason.
    if (exit.signal == 0 && exit.exit_code == options_.peer_lost_exit_code) {
      if (!peer_lost_) peer_lost_ = exit;
      return;
    }
    if (ending_) return;
    result.cause = exit;
    end_others(SIGTERM);
  }

  const CopyOptions& options_;
  BlockedSignals signals_;
  std::vector<Running> running_;
  std::optional<CopyExit> peer_lost_;
  std::optional<Clock::time_point> kill_at_;
  bool ending_ = false;  // by our signal: later ends are not the cause
};

}  // namespace

std::string CopyExit::describe() const {
  if (signal == 0) return "exit code " + std::to_string(exit_code);
  return detail::concat("signal ", signal, " (", ::strsignal(signal), ")");
}

CopiesResult run_copies(const CopyOptions& options) {
  RETMASK_CHECK(options.count > 0);
  return Copies(options).run();
}

}  // namespace retmask
