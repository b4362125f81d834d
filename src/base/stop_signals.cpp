#include "retmask/base/stop_signals.h"

#include <signal.h>

#include <array>
#include <atomic>
#include <string>
#include <utility>

#include "retmask/base/error.h"

namespace retmask {
namespace {

constexpr std::array<std::pair<int, const char*>, 3> kSignals = {
    {{SIGTERM, "SIGTERM"}, {SIGINT, "SIGINT"}, {SIGUSR1, "SIGUSR1"}}};

// A handler can reach nothing but globals.
std::atomic<int> first_signal = 0;
std::atomic<int> interrupts = 0;
std::atomic<bool> installed = false;
static_assert(std::atomic<int>::is_always_lock_free, "a handler may only use lock-free atomics");
std::array<struct sigaction, kSignals.size()> earlier_actions;

void remember(int signal) {
  int none = 0;
  first_signal.compare_exchange_strong(none, signal);
  if (signal != SIGINT || interrupts.fetch_add(1) == 0) return;
  ::signal(SIGINT, SIG_DFL);
  ::raise(SIGINT);
}

}  // namespace

void stop_if_asked(const StopPoll& poll, const std::string& kept) {
  if (const char* signal = poll ? poll() : nullptr) {
    throw Stopped("stopped by " + std::string(signal) + "; " + kept);
  }
}

StopSignals::StopSignals() {
  RETMASK_CHECK(!installed.exchange(true), "signals are watched twice");
  first_signal = 0;
  interrupts = 0;
  struct sigaction action = {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < kSignals.size(); ++i) {
    RETMASK_CHECK(::sigaction(kSignals[i].first, &action, &earlier_actions[i]) == 0);
  }
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i].first, &earlier_actions[i], nullptr);
  }
  installed = false;
}

const char* StopSignals::asked_by() const {
  const int signal = first_signal;
  for (const auto& [number, name] : kSignals) {
    if (number == signal) return name;
  }
  return nullptr;
}

StopPoll StopSignals::poll() const {
  return [this] { return asked_by(); };
}

}  // namespace retmask
