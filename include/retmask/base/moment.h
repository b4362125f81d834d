#pragma once
// The wall-clock time when a run first started; it is kept when the run resumes elsewhere.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace retmask {

// Local time without a time zone, as templates print it: a run resumed in another zone shows the
// same date.
class Moment {
 public:
  static Moment now();
  // Inverse of text(); nullopt for any other text.
  static std::optional<Moment> parse(const std::string& text);
  // Parses a UTC time such as "2026-03-01T23:59:58Z".
  static std::optional<Moment> parse_utc(const std::string& text);
  // Inverse of wall_seconds(), which ranks exchange.
  static Moment from_wall_seconds(int64_t seconds) { return Moment(seconds); }

  // "2026-03-01T23:59:58"
  std::string text() const;
  // Seconds since 1970 of the local wall-clock time.
  int64_t wall_seconds() const { return seconds_; }
  // The instant at which this process's time zone shows this local time.
  std::chrono::system_clock::time_point time_point() const;

  bool operator==(const Moment&) const = default;

 private:
  explicit Moment(int64_t seconds) : seconds_(seconds) {}
  int64_t seconds_;
};

}  // namespace retmask
