#include "retmask/endpoint/backoff.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "retmask/base/error.h"

namespace retmask::endpoint {

double Backoff::delay(int64_t failed_tries,
                      const std::optional<double>& retry_after,
                      RandomStream& jitter) const {
  RETMASK_CHECK(failed_tries >= 1);
  const double exponential =
      std::min(longest, first * std::exp2(static_cast<double>(failed_tries - 1)));
  const double jittered = exponential * (0.5 + 0.5 * jitter.uniform());
  return std::max(jittered, retry_after.value_or(0.0));
}

std::optional<double> parse_retry_after(const std::string& value, std::time_t now) {
  int64_t seconds = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seconds);
  if (error == std::errc{} && end == value.data() + value.size() && seconds >= 0) {
    return static_cast<double>(seconds);
  }
  // "Wed, 21 Oct 2026 07:28:00 GMT", the only form servers may generate (RFC 9110).
  std::tm parts{};
  const char* rest = ::strptime(value.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  if (rest == nullptr || *rest != '\0') return std::nullopt;
  return std::max(0.0, std::difftime(::timegm(&parts), now));
}

}  // namespace retmask::endpoint
