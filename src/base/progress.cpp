#include "retmask/base/progress.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "retmask/base/log.h"

namespace retmask {
namespace {

constexpr auto kTerminalInterval = std::chrono::milliseconds(200);
constexpr auto kLogInterval = std::chrono::seconds(15);
constexpr int kBarWidth = 24;

std::string format_rate(double rate) {
  char text[32];
  std::snprintf(text, sizeof text, rate >= 100 ? "%.0f" : rate >= 1 ? "%.1f" : "%.2f", rate);
  return text;
}

}  // namespace

std::string format_duration(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  char text[32];
  if (whole >= 3600) {
    std::snprintf(text, sizeof text, "%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
  } else {
    std::snprintf(text, sizeof text, "%ld:%02ld", whole / 60, whole % 60);
  }
  return text;
}

Progress::Progress(std::string title, int64_t total, std::string unit, int64_t done)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      before_(done),
      done_(done),
      terminal_(::isatty(STDERR_FILENO) == 1) {
  show(/*force=*/terminal_);
}

Progress::~Progress() { finish(); }

void Progress::advance(int64_t count, const std::string& note) {
  done_ += count;
  if (!note.empty()) note_ = note;
  show(/*force=*/false);
}

std::string Progress::line() const {
  const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done_ - before_) / elapsed : 0;
  std::string text = title_ + " ";
  if (total_ > 0) {
    if (terminal_) {
      const int filled = static_cast<int>(std::min(done_, total_) * kBarWidth / total_);
      text += "[" + std::string(filled, '#') + std::string(kBarWidth - filled, '.') + "] ";
    }
    text += std::to_string(done_) + "/" + std::to_string(total_) + " " + unit_;
  } else {
    text += std::to_string(done_) + " " + unit_;
  }
  if (rate > 0) {
    text += ", " + format_rate(rate) + "/s";
    if (done_ < total_) text += ", " + format_duration((total_ - done_) / rate) + " left";
  }
  if (done_ == total_) text += ", took " + format_duration(elapsed);
  if (!note_.empty()) text += ", " + note_;
  return text;
}

void Progress::show(bool force) {
  if (log::is_quiet() || finished_) return;
  const auto now = Clock::now();
  // The first plain line comes after an interval: short jobs print one line, at their end.
  if (shown_ == Clock::time_point{} && !terminal_) shown_ = now;
  if (!force && now - shown_ < (terminal_ ? Clock::duration(kTerminalInterval) : kLogInterval))
    return;
  shown_ = now;
  std::fprintf(stderr, terminal_ ? "\r\033[K%s" : "%s\n", line().c_str());
  std::fflush(stderr);
}

void Progress::finish() {
  if (finished_) return;
  show(/*force=*/true);
  if (terminal_ && !log::is_quiet()) std::fputc('\n', stderr);
  finished_ = true;
}

}  // namespace retmask
