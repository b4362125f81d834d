#include "retmask/distributed/watchdog.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <ctime>
#include <fstream>
#include <iterator>
#include <mutex>
#include <sstream>
#include <thread>
#include <utility>
#include <vector>

#include "rendezvous.h"
#include "retmask/base/error.h"

namespace retmask::distributed {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kLongestInterval{1000};

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "unknown";
  return name.data();
}

std::string key_of(int64_t rank) { return "alive/" + std::to_string(rank); }

// A rank's entry in the rendezvous store.
struct Heartbeat {
  int64_t count = 0;
  int64_t step = 0;
  std::string host;

  std::string to_text() const { return detail::concat(count, ' ', step, ' ', host); }
  static Heartbeat from_text(const std::string& text) {
    Heartbeat heartbeat;
    std::istringstream(text) >> heartbeat.count >> heartbeat.step >> heartbeat.host;
    return heartbeat;
  }
};

// Whether this process makes progress; that the watchdog's own thread runs does not prove it.
class Liveness {
 public:
  explicit Liveness(const ProcessGroup& group) : group_(group) {}

  // Whether there was progress since the previous call.
  bool is_seen() {
    const double processor_seconds = processor_time();
    const auto now = Clock::now();
    const double elapsed = std::chrono::duration<double>(now - before_).count();
    const bool works = processor_seconds - before_seconds_ > kLeastWork * elapsed;
    before_seconds_ = processor_seconds;
    before_ = now;
    return works || group_.is_waiting() || main_thread_is_busy();
  }

 private:
  // Fraction of one processor; the watchdog and the backends' threads use a tenth of this.
  static constexpr double kLeastWork = 0.02;

  // Of all threads: on a GPU the backward pass does not run in the main thread.
  static double processor_time() {
    timespec time{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  }

  // The main thread is running (R) or waits for a disk (D). The state is the letter after the
  // program's name in parentheses.
  static bool main_thread_is_busy() {
    std::ifstream in("/proc/self/stat");
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    const size_t name_end = text.rfind(") ");
    if (name_end == std::string::npos) return true;
    const char state = text[name_end + 2];
    return state == 'R' || state == 'D';
  }

  const ProcessGroup& group_;
  double before_seconds_ = processor_time();
  Clock::time_point before_ = Clock::now();
};

struct Seen {
  Heartbeat heartbeat;
  Clock::time_point when;
};

}  // namespace

class Watchdog::Impl {
 public:
  Impl(const ProcessGroup& group, milliseconds limit, OnLoss on_loss)
      : placement_(group.placement()),
        name_(std::to_string(group.rank())),
        limit_(limit),
        interval_(std::min(kLongestInterval, limit / 10)),
        on_loss_(std::move(on_loss)),
        liveness_(group),
        rendezvous_(placement_, /*listen=*/false, limit),
        seen_(static_cast<size_t>(group.size()), Seen{.heartbeat = {}, .when = Clock::now()}) {
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
  // False if it was already silent.
  bool become_silent() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(stopping_, true);
  }

  bool claim_report() {
    try {
      const bool claimed = rendezvous_.claim(kFailedKey, name_) == name_;
      see_others_off();
      return claimed;
    } catch (const std::exception&) {
      return true;  // the store is gone: better reported twice than never
    }
  }

  bool another_reports() {
    return rendezvous_.has(kFailedKey) && rendezvous_.get({kFailedKey}).front() != name_;
  }

  // Waits for the other ranks: one that finds the rendezvous closed could not know who reports.
  void see_others_off() {
    try {
      rendezvous_.leave(kLeavingKey, 3 * interval_);
    } catch (const std::exception&) {  // closed: the others are gone
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
        if (liveness_.is_seen()) own_.count += 1;
        own_.step = step_;
        rendezvous_.set(key_of(placement_.rank), own_.to_text());
        note(rendezvous_.get(keys));
        if (another_reports() && become_silent()) {
          see_others_off();
          on_loss_("");
        }
      } catch (const std::exception& error) {
        lose_rendezvous("its connection closed");
        return;
      }
    } while (pause());
  }

  void note(const std::vector<std::string>& heartbeats) {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    for (size_t rank = 0; rank < heartbeats.size(); ++rank) {
      const Heartbeat heartbeat = Heartbeat::from_text(heartbeats[rank]);
      if (heartbeat.count != seen_[rank].heartbeat.count) seen_[rank].when = now;
      seen_[rank].heartbeat = heartbeat;
    }
    last_round_ = now;
  }

  void judge() {
    auto before = Clock::now();
    while (pause()) {
      const auto now = Clock::now();
      const auto gap = now - before;
      before = now;
      // This process itself was stopped, so missing heartbeats say nothing about the others.
      if (gap > interval_ + limit_ / 2) forgive(gap);
      if (now - last_round() > limit_) {
        lose_rendezvous(silence());
        return;
      }
      const int64_t lost = first_silent_rank();
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

  // Judges by the last completed round: a rendezvous that does not answer says nothing about the
  // ranks, and asking it could block forever.
  int64_t first_silent_rank() {
    const std::lock_guard lock(mutex_);
    for (int64_t rank = 0; rank < placement_.size; ++rank) {
      // Another rank reports this one; after twice the limit it ends by itself.
      const milliseconds limit = rank == placement_.rank ? 2 * limit_ : limit_;
      if (last_round_ - seen_[static_cast<size_t>(rank)].when > limit) return rank;
    }
    return -1;
  }

  std::string silence() const {
    return detail::concat("no heartbeat for ", std::chrono::duration<double>(limit_).count(), " s");
  }

  std::string describe(int64_t rank) {
    const std::lock_guard lock(mutex_);
    const Heartbeat& heartbeat = seen_[static_cast<size_t>(rank)].heartbeat;
    return detail::concat("rank ",
                          rank,
                          " on ",
                          heartbeat.host.empty() ? "an unknown host" : heartbeat.host,
                          " (last at step ",
                          heartbeat.step,
                          ")");
  }

  bool listener_is_rank() const { return !placement_.launcher_listens; }

  // The ranks can no longer agree on who reports, so the lowest remaining rank does.
  void lose_rendezvous(const std::string& why) {
    const int64_t reporter = listener_is_rank() ? 1 : 0;
    const std::string what = listener_is_rank() ? describe(0)
                                                : detail::concat("the launcher's store at ",
                                                                 placement_.master_address,
                                                                 ":",
                                                                 placement_.master_port);
    if (become_silent()) on_loss_(placement_.rank == reporter ? what + ": " + why : "");
  }

  void lose(const std::string& message) {
    // Not silent yet: if this call blocks on a stopped server, the talker thread reports.
    const bool reports = claim_report();
    if (become_silent()) on_loss_(reports ? message : "");
  }

  const Placement placement_;
  const std::string name_;  // under kFailedKey
  const milliseconds limit_;
  const milliseconds interval_;
  const OnLoss on_loss_;
  Liveness liveness_;
  Rendezvous rendezvous_;
  Heartbeat own_;
  std::atomic<int64_t> step_ = 0;

  std::mutex mutex_;  // protects the members below
  std::condition_variable wake_;
  std::vector<Seen> seen_;
  Clock::time_point last_round_ = Clock::now();
  bool stopping_ = false;

  std::thread talker_;
  std::thread judge_;
};

Watchdog::Watchdog(const ProcessGroup& group, milliseconds limit, OnLoss on_loss) {
  if (group.size() > 1) impl_ = std::make_unique<Impl>(group, limit, std::move(on_loss));
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
