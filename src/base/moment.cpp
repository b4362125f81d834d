#include "retmask/base/moment.h"

#include <array>
#include <ctime>

namespace retmask {
namespace {

constexpr char kFormat[] = "%Y-%m-%dT%H:%M:%S";

std::optional<std::tm> parse_parts(const std::string& text, const char* end) {
  std::tm parts{};
  const char* rest = ::strptime(text.c_str(), kFormat, &parts);
  if (rest == nullptr || std::string(rest) != end) return std::nullopt;
  return parts;
}

int64_t wall_seconds_at(std::time_t time) {
  std::tm local{};
  ::localtime_r(&time, &local);
  return ::timegm(&local);
}

}  // namespace

Moment Moment::now() { return Moment(wall_seconds_at(std::time(nullptr))); }

std::optional<Moment> Moment::parse(const std::string& text) {
  std::optional<std::tm> parts = parse_parts(text, "");
  if (!parts) return std::nullopt;
  return Moment(::timegm(&*parts));
}

std::optional<Moment> Moment::parse_utc(const std::string& text) {
  std::optional<std::tm> parts = parse_parts(text, "Z");
  if (!parts) return std::nullopt;
  return Moment(wall_seconds_at(::timegm(&*parts)));
}

std::string Moment::text() const {
  const std::time_t time = seconds_;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  std::array<char, 64> text{};
  std::strftime(text.data(), text.size(), kFormat, &parts);
  return text.data();
}

std::chrono::system_clock::time_point Moment::time_point() const {
  const std::time_t time = seconds_;
  std::tm parts{};
  ::gmtime_r(&time, &parts);
  parts.tm_isdst = -1;
  return std::chrono::system_clock::from_time_t(std::mktime(&parts));
}

}  // namespace retmask
