#include "retmask/distributed/watchdog.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "meeting_place.h"
#include "retmask/base/error.h"

namespace retmask::distributed {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr const char* kFailedKey = "failed";
constexpr const char* kLeavingKey = "leaving";
constexpr milliseconds kLongestInterval{1000};

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

std::string key_of(int64_t rank) { return "alive/" + std::to_string(rank); }

// What a rank tells of itself.
struct SignOfLife {
  int64_t count = 0;
  int64_t step = 0;
  std::string host;

  std::string to_text() const { return detail::concat(count, ' ', step, ' ', host); }
  static SignOfLife from_text(const std::string& text) {
    SignOfLife sign;
    std::istringstream(text) >> sign.count >> sign.step >> sign.host;
    return sign;
  }
};

struct Seen {
  SignOfLife sign;
  Clock::time_point when;
};

}  // namespace

class Watchdog::Impl {
 public:
  Impl(const Placement& placement, milliseconds limit, OnLoss on_loss)
      : placement_(placement),
        name_(std::to_string(placement.rank)),
        limit_(limit),
        interval_(std::min(kLongestInterval, limit / 10)),
        on_loss_(std::move(on_loss)),
        meeting_(placement, /*listen=*/false, /*wait_for_all=*/false, limit),
        seen_(static_cast<size_t>(placement.size), Seen{.sign = {}, .when = Clock::now()}) {
    own_.host = host_name();
    talker_ = std::thread([this] { talk(); });
    judge_ = std::thread([this] { judge(); });
  }

  ~Impl() { stop(); }

  void stop() {
    become_silent();
    wake_.notify_all();
    if (talker_.joinable()) talker_.join();
    if (judge_.joinable()) judge_.join();
  }

  void at_step(int64_t step) { step_ = step; }

  bool first_to_fail() { return become_silent() && claim_report(); }

 private:
  // False when it was before.
  bool become_silent() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(stopping_, true);
  }

  bool claim_report() {
    try {
      const bool claimed = meeting_.claim(kFailedKey, name_) == name_;
      see_others_off();
      return claimed;
    } catch (const std::exception&) {
      return true;  // nobody can be asked: better said twice than never
    }
  }

  bool another_reports() {
    return meeting_.has(kFailedKey) && meeting_.get({kFailedKey}).front() != name_;
  }

  // A rank that finds the meeting place closed could not know that another one reports.
  void see_others_off() {
    try {
      meeting_.leave(kLeavingKey, 3 * interval_);
    } catch (const std::exception&) {  // closed: the others have gone
    }
  }

  // False once it is time to end.
  bool pause() {
    std::unique_lock lock(mutex_);
    return !wake_.wait_for(lock, interval_, [&] { return stopping_; });
  }

  void talk() {
    std::vector<std::string> keys;
    for (int64_t rank = 0; rank < placement_.size; ++rank) keys.push_back(key_of(rank));
    do {
      try {
        own_.count += 1;
        own_.step = step_;
        meeting_.set(key_of(placement_.rank), own_.to_text());
        note(meeting_.get(keys));
        if (another_reports() && become_silent()) {
          see_others_off();
          on_loss_("");
        }
      } catch (const std::exception& error) {
        lose_meeting_place("its connection closed");
        return;
      }
    } while (pause());
  }

  void note(const std::vector<std::string>& signs) {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    for (size_t rank = 0; rank < signs.size(); ++rank) {
      const SignOfLife sign = SignOfLife::from_text(signs[rank]);
      if (sign.count != seen_[rank].sign.count) seen_[rank] = {sign, now};
    }
    last_round_ = now;
  }

  void judge() {
    auto before = Clock::now();
    while (pause()) {
      const auto now = Clock::now();
      const auto gap = now - before;
      before = now;
      // This process was stopped itself: it has seen nothing, which says nothing of the others.
      if (gap > interval_ + limit_ / 2) forgive(gap);
      if (now - last_round() > limit_) {
        lose_meeting_place(silence());
        return;
      }
      const int64_t lost = first_silent_rank(now);
      if (lost < 0) continue;
      lose(describe(lost) + ": " + silence());
      return;
    }
  }

  void forgive(Clock::duration gap) {
    const std::lock_guard lock(mutex_);
    for (Seen& seen : seen_) seen.when += gap;
    last_round_ += gap;
  }

  Clock::time_point last_round() {
    const std::lock_guard lock(mutex_);
    return last_round_;
  }

  int64_t first_silent_rank(Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    for (size_t rank = 0; rank < seen_.size(); ++rank) {
      if (now - seen_[rank].when > limit_) return static_cast<int64_t>(rank);
    }
    return -1;
  }

  std::string silence() const {
    return detail::concat(
        "no sign of life for ", std::chrono::duration<double>(limit_).count(), " s");
  }

  std::string describe(int64_t rank) {
    const std::lock_guard lock(mutex_);
    const SignOfLife& sign = seen_[static_cast<size_t>(rank)].sign;
    return detail::concat("rank ",
                          rank,
                          " on ",
                          sign.host.empty() ? "an unknown host" : sign.host,
                          " (last at step ",
                          sign.step,
                          ")");
  }

  // The ranks cannot ask each other any more who reports, so the lowest that is left does.
  void lose_meeting_place(const std::string& why) {
    const bool listener_is_rank = !placement_.launcher_listens;
    const int64_t reporter = listener_is_rank ? 1 : 0;
    const std::string what = listener_is_rank ? describe(0)
                                              : detail::concat("the launcher's store at ",
                                                               placement_.master_address,
                                                               ":",
                                                               placement_.master_port);
    if (become_silent()) on_loss_(placement_.rank == reporter ? what + ": " + why : "");
  }

  void lose(const std::string& message) {
    // Not silent yet: should this wait for ever on a stopped server, the talker reports.
    const bool reports = claim_report();
    if (become_silent()) on_loss_(reports ? message : "");
  }

  const Placement placement_;
  const std::string name_;  // under kFailedKey
  const milliseconds limit_;
  const milliseconds interval_;
  const OnLoss on_loss_;
  MeetingPlace meeting_;
  SignOfLife own_;
  std::atomic<int64_t> step_ = 0;

  std::mutex mutex_;  // of what follows
  std::condition_variable wake_;
  std::vector<Seen> seen_;
  Clock::time_point last_round_ = Clock::now();
  bool stopping_ = false;

  std::thread talker_;
  std::thread judge_;
};

Watchdog::Watchdog(const Placement& placement, milliseconds limit, OnLoss on_loss) {
  if (placement.size > 1) impl_ = std::make_unique<Impl>(placement, limit, std::move(on_loss));
}
Watchdog::~Watchdog() = default;

void Watchdog::at_step(int64_t step) {
  if (impl_) impl_->at_step(step);
}

bool Watchdog::first_to_fail() { return !impl_ || impl_->first_to_fail(); }

void Watchdog::stop() {
  if (impl_) impl_->stop();
}

}  // namespace retmask::distributed
