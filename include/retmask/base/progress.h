#pragma once
// Progress of a long job: on a terminal a bar with rate and remaining time, never wider than the
// terminal; in a log, timestamped lines at intervals.

#include <chrono>
#include <cstdint>
#include <string>

namespace retmask {

class Progress {
 public:
  // `title` names the job, `unit` what is counted ("samples"); `total` 0 = unknown. Silent under
  // --quiet. `done` units were finished by an earlier run and do not count towards the rate.
  Progress(std::string title, int64_t total, std::string unit, int64_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `note` is shown after the numbers ("loss 0.6931").
  void advance(int64_t count = 1, const std::string& note = "");
  // Prints the final state and ends the line; the destructor calls it too.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(int bar_width, bool with_note) const;
  std::string line_for(int columns) const;
  void show(bool force);

  std::string title_;
  std::string unit_;
  std::string note_;
  int64_t total_;
  int64_t before_;
  int64_t done_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point shown_{};
  bool in_place_ = false;
  bool finished_ = false;
};

// "1:02:03", "4:05".
std::string format_duration(double seconds);

}  // namespace retmask
