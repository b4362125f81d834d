#pragma once
// How long to wait before a request is sent again.

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "retmask/base/random.h"

namespace retmask::endpoint {

// Exponential, with jitter so that requests which failed together do not come back together.
struct Backoff {
  double first = 0.5;  // seconds after the first failed try; twice as much after each further one
  double longest = 30;

  // Seconds to wait after so many failed tries (at least 1): between half of the delay and all of
  // it, and never less than the server's `retry_after`.
  double delay(int64_t failed_tries,
               const std::optional<double>& retry_after,
               RandomStream& jitter) const;
};

// The value of a Retry-After header, whole seconds or an HTTP date, in seconds from `now`; at least
// 0. Nothing when it is neither.
std::optional<double> parse_retry_after(const std::string& value, std::time_t now);

}  // namespace retmask::endpoint
