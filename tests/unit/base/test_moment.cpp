#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "retmask/base/moment.h"

namespace retmask {
namespace {

// Changes the time zone of this process during its lifetime.
class Zone {
 public:
  explicit Zone(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  ~Zone() {
    ::unsetenv("TZ");
    ::tzset();
  }
};

std::string local_text(const Moment& moment) {
  const std::time_t time = std::chrono::system_clock::to_time_t(moment.time_point());
  std::tm parts{};
  ::localtime_r(&time, &parts);
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  return text;
}

TEST(Moment, ReadsWhatItWrites) {
  const auto moment = Moment::parse("2024-02-29T23:59:58");
  ASSERT_TRUE(moment);
  EXPECT_EQ(moment->text(), "2024-02-29T23:59:58");
  EXPECT_EQ(Moment::from_wall_seconds(moment->wall_seconds()), *moment);
  EXPECT_FALSE(Moment::parse("2024-02-29"));
  EXPECT_FALSE(Moment::parse("2024-02-29T23:59:58Z"));
}

TEST(Moment, ShowsTheSameTimeInEveryZone) {
  const auto moment = Moment::parse("2026-03-01T00:30:00");
  for (const char* zone : {"UTC", "EST5EDT", "JST-9", "CET-1CEST"}) {
    const Zone there(zone);
    EXPECT_EQ(local_text(*moment), "2026-03-01T00:30:00") << zone;
  }
}

TEST(Moment, ATimeInUtcIsThatOfTheWall) {
  const Zone japan("JST-9");
  EXPECT_EQ(Moment::parse_utc("2026-03-01T20:30:00Z")->text(), "2026-03-02T05:30:00");
  EXPECT_FALSE(Moment::parse_utc("2026-03-01T20:30:00"));
}

TEST(Moment, NowIsNow) {
  const auto apart = std::chrono::system_clock::now() - Moment::now().time_point();
  EXPECT_LT(std::abs(std::chrono::duration<double>(apart).count()), 5);
}

}  // namespace
}  // namespace retmask
