#pragma once
// Retry delays for requests.

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>

#include "retmask/base/random.h"

namespace retmask::endpoint {

// Exponential backoff with jitter, so that requests that failed together are not retried together.
struct Backoff {
  double first = 0.5;  // seconds after the first failed try; doubled after each further one
  double longest = 30;

  // Seconds to wait after `failed_tries` (at least 1): between half the delay and the full delay,
  // and never less than the server's `retry_after`.
  double delay(int64_t failed_tries,
               const std::optional<double>& retry_after,
               RandomStream& jitter) const;
};

// The value of a Retry-After header, whole seconds or an HTTP date, in seconds from `now`; at least
// 0. Nullopt if it is neither.
std::optional<double> parse_retry_after(const std::string& value, std::time_t now);

}  // namespace retmask::endpoint
