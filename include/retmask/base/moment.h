#pragma once
// The time on the wall when a run started, which stays the same wherever and whenever it goes on.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace retmask {

// Local time without its zone, as templates write it: a run that goes on in another zone shows the
// same date.
class Moment {
 public:
  static Moment now();
  // Of text(); nothing for any other text.
  static std::optional<Moment> parse(const std::string& text);
  // Of "2026-03-01T23:59:58Z", a time in UTC.
  static std::optional<Moment> parse_utc(const std::string& text);
  // Of wall_seconds(), by which ranks tell each other.
  static Moment from_wall_seconds(int64_t seconds) { return Moment(seconds); }

  // "2026-03-01T23:59:58"
  std::string text() const;
  // Since 1970 on the same wall.
  int64_t wall_seconds() const { return seconds_; }
  // When this process' zone shows it.
  std::chrono::system_clock::time_point time_point() const;

  bool operator==(const Moment&) const = default;

 private:
  explicit Moment(int64_t seconds) : seconds_(seconds) {}
  int64_t seconds_;
};

}  // namespace retmask
