#include "retmask/base/progress.h"

#include <algorithm>

#include "retmask/base/format_text.h"
#include "retmask/base/log.h"
#include "retmask/base/terminal.h"

namespace retmask {
namespace {

constexpr auto kTerminalInterval = std::chrono::milliseconds(200);
constexpr auto kLogInterval = std::chrono::seconds(15);
constexpr int kBarWidth = 24;

std::string format_rate(double rate) {
  return format_text(rate >= 100 ? "%.0f" : rate >= 1 ? "%.1f" : "%.2f", rate);
}

}  // namespace

std::string format_duration(double seconds) {
  const auto whole = static_cast<int64_t>(seconds + 0.5);
  if (whole < 3600) return format_text("%ld:%02ld", whole / 60, whole % 60);
  return format_text("%ld:%02ld:%02ld", whole / 3600, whole / 60 % 60, whole % 60);
}

Progress::Progress(std::string title, int64_t total, std::string unit, int64_t done)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      before_(done),
      done_(done),
      in_place_(terminal::can_update_in_place()) {
  show(/*force=*/in_place_);
}

Progress::~Progress() { finish(); }

void Progress::advance(int64_t count, const std::string& note) {
  done_ += count;
  if (!note.empty()) note_ = note;
  show(/*force=*/false);
}

std::string Progress::line(int bar_width, bool with_note) const {
  const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  const double rate = elapsed > 0 ? static_cast<double>(done_ - before_) / elapsed : 0;
  std::string text = title_ + " ";
  if (total_ > 0) {
    if (bar_width > 0) {
      const auto filled = static_cast<size_t>(std::min(done_, total_) * bar_width / total_);
      text += "[" + std::string(filled, '#') +
              std::string(static_cast<size_t>(bar_width) - filled, '.') + "] ";
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
  if (with_note && !note_.empty()) text += ", " + note_;
  return printable(text);
}

// If the line is too long, it is shortened in this order: the bar's length, the bar, the note.
std::string Progress::line_for(int columns) const {
  for (const int bar_width : {kBarWidth, kBarWidth / 2, 0}) {
    const std::string text = line(bar_width, /*with_note=*/true);
    if (terminal::width(text) < columns) return text;
  }
  return line(/*bar_width=*/0, /*with_note=*/false);
}

void Progress::show(bool force) {
  if (log::is_quiet() || finished_) return;
  const auto now = Clock::now();
  // The first log line comes after one interval: short jobs print a single line, at their end.
  if (shown_ == Clock::time_point{} && !in_place_) shown_ = now;
  if (!force && now - shown_ < (in_place_ ? Clock::duration(kTerminalInterval) : kLogInterval))
    return;
  shown_ = now;
  if (in_place_) {
    terminal::show_status(line_for(terminal::columns()));
  } else {
    terminal::write(terminal::timestamp() + line(/*bar_width=*/0, /*with_note=*/true) + "\n");
  }
}

void Progress::finish() {
  if (finished_) return;
  show(/*force=*/true);
  if (in_place_) terminal::end_status();
  finished_ = true;
}

}  // namespace retmask
