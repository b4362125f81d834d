#include <gtest/gtest.h>

#include <algorithm>

#include "retmask/endpoint/backoff.h"

namespace retmask::endpoint {
namespace {

TEST(Backoff, DoublesUpToTheLongestWithJitter) {
  const Backoff backoff{.first = 1, .longest = 10};
  RandomStream jitter(0, "test");
  const double limits[] = {1, 2, 4, 8, 10, 10};
  for (int tries = 1; tries <= 6; ++tries) {
    double lowest = 100;
    double highest = 0;
    for (int draw = 0; draw < 200; ++draw) {
      const double delay = backoff.delay(tries, std::nullopt, jitter);
      lowest = std::min(lowest, delay);
      highest = std::max(highest, delay);
    }
    const double limit = limits[tries - 1];
    EXPECT_GE(lowest, limit / 2);
    EXPECT_LE(highest, limit);
    EXPECT_GT(highest - lowest, limit / 3) << "requests that failed together must not come back so";
  }
  EXPECT_LE(backoff.delay(5000, std::nullopt, jitter), 10) << "2^5000 is infinite";
}

TEST(Backoff, NeverLessThanTheServerAsksFor) {
  RandomStream jitter(0, "test");
  EXPECT_EQ(Backoff{}.delay(1, 42.0, jitter), 42);
  EXPECT_GT(Backoff{}.delay(1, 0.0, jitter), 0.2);
}

TEST(RetryAfter, SecondsAndDates) {
  EXPECT_EQ(parse_retry_after("7", 0), 7);
  EXPECT_EQ(parse_retry_after("0", 0), 0);
  // 2015-10-21 07:28:00 UTC
  EXPECT_EQ(parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1445412480 - 30), 30);
  EXPECT_EQ(parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT", 1445412480 + 30), 0) << "past";
  for (const char* text : {"", "-1", "soon", "7 s", "Wed, 21 Oct 2015 07:28:00 GMT+1"}) {
    EXPECT_EQ(parse_retry_after(text, 0), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace retmask::endpoint
