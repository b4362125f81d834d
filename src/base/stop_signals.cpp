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

// Signal handlers can access only globals.
std::atomic<int> first_signal = 0;
std::atomic<int> interrupts = 0;
std::atomic<bool> installed = false;
static_assert(std::atomic<int>::is_always_lock_free, "a handler may only use lock-free atomics");
std::atomic<int> holds = 0;
std::atomic<bool> granted = false;
std::array<struct sigaction, kSignals.size()> earlier_actions;

// Null if it is none of the three.
const char* name_of(int signal) {
  for (const auto& [number, name] : kSignals) {
    if (number == signal) return name;
  }
  return nullptr;
}

void remember(int signal) {
  int none = 0;
  first_signal.compare_exchange_strong(none, signal);
  if (signal != SIGINT || interrupts.fetch_add(1) == 0) return;
  ::signal(SIGINT, SIG_DFL);
  ::raise(SIGINT);
}

}  // namespace

Stopped::Stopped(const std::string& message) : std::runtime_error(message) { granted = true; }

void stop_if_asked(const StopPoll& poll, const std::string& kept) {
  if (const char* signal = poll ? poll() : nullptr) {
    throw Stopped("stopped by " + std::string(signal) + "; " + kept);
  }
}

const char* stop_asked_by() { return installed ? name_of(first_signal) : nullptr; }

bool stop_is_due() { return installed && first_signal != 0 && holds == 0; }

void stop_point() {
  if (stop_is_due()) {
    throw Stopped("stopped by " + std::string(name_of(first_signal)) +
                  "; finished work is kept, start again to resume");
  }
}

bool stop_was_granted() { return granted; }

HoldStops::HoldStops() { ++holds; }
HoldStops::~HoldStops() { --holds; }

StopSignals::StopSignals() {
  RETMASK_CHECK(!installed.exchange(true), "signals are watched twice");
  first_signal = 0;
  interrupts = 0;
  granted = false;
  struct sigaction action = {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  for (size_t i = 0; i < kSignals.size(); ++i) {
    RETMASK_CHECK(::sigaction(kSignals[i].first, &action, &earlier_actions[i]) == 0);
  }
  sigset_t ours;
  sigemptyset(&ours);
  for (const auto& [signal, name] : kSignals) sigaddset(&ours, signal);
  ::pthread_sigmask(SIG_UNBLOCK, &ours, nullptr);
}

StopSignals::~StopSignals() {
  for (size_t i = 0; i < kSignals.size(); ++i) {
    ::sigaction(kSignals[i].first, &earlier_actions[i], nullptr);
  }
  installed = false;
}

}  // namespace retmask
