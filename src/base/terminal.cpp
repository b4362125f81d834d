#include "retmask/base/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <mutex>

#include "retmask/base/format_text.h"

namespace retmask::terminal {
namespace {

constexpr int kUsualColumns = 80;

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool is_terminal() { return ::isatty(STDERR_FILENO) == 1; }

// Bytes of the UTF-8 character at the front of `text`; 1 if invalid.
size_t character_size(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
  return std::min(size, text.size());
}

// U+1100 is the first double-width character, and the first with these bytes in UTF-8.
int character_width(std::string_view character) { return character >= "\xE1\x84\x80" ? 2 : 1; }

// The current status line of the terminal, without a trailing line break.
class Status {
 public:
  void show(const std::string& line) {
    const std::lock_guard lock(mutex_);
    const std::string old_gone = erased();  // must run before drawn() changes the shown width
    line_ = line;
    put(old_gone + drawn());
  }

  void end() {
    const std::lock_guard lock(mutex_);
    if (shown_width_ == 0) return;
    put("\n");
    line_.clear();
    shown_width_ = 0;
  }

  void write_above(std::string_view lines) {
    const std::lock_guard lock(mutex_);
    if (shown_width_ == 0) {
      put(std::string(lines));
      return;
    }
    const std::string old_gone = erased();
    put(old_gone + std::string(lines) + drawn());
  }

 private:
  // If the terminal has become narrower, the line occupies several rows.
  std::string erased() const {
    const int rows_above = shown_width_ > 0 ? (shown_width_ - 1) / columns() : 0;
    const std::string up = rows_above > 0 ? "\033[" + std::to_string(rows_above) + "A" : "";
    return "\r" + up + "\033[J";
  }

  // The last column stays free: some terminals wrap as soon as it is filled.
  std::string drawn() {
    const std::string text = fit(line_, columns() - 1);
    shown_width_ = width(text);
    return text;
  }

  // A single write, so that lines of other processes do not come in between.
  static void put(const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
    std::fflush(stderr);
  }

  std::mutex mutex_;
  std::string line_;
  int shown_width_ = 0;  // 0: no line shown
};

Status& status() {
  static Status instance;
  return instance;
}

}  // namespace

bool can_update_in_place() { return is_terminal() && environment("TERM") != "dumb"; }

bool has_colours() { return can_update_in_place() && environment("NO_COLOR").empty(); }

int columns() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const int told = std::atoi(environment("COLUMNS").c_str());
  return told > 0 ? told : kUsualColumns;
}

std::string timestamp() {
  if (is_terminal()) return "";
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S ", &parts);
  return text;
}

std::string printable(std::string_view text) {
  std::string shown;
  const auto escape = [&](unsigned char byte) { shown += format_text("\\x%02x", byte); };
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const auto next = static_cast<unsigned char>(i + 1 < text.size() ? text[i + 1] : 0);
    if ((byte < ' ' && byte != '\n' && byte != '\t') || byte == 0x7f) {
      escape(byte);
    } else if (byte == 0xC2 && next >= 0x80 && next < 0xA0) {  // U+0080 to U+009F: C1 controls
      escape(next);
      ++i;
    } else {
      shown += text[i];
    }
  }
  return shown;
}

int width(std::string_view text) {
  int sum = 0;
  while (!text.empty()) {
    const size_t size = character_size(text);
    sum += character_width(text.substr(0, size));
    text.remove_prefix(size);
  }
  return sum;
}

std::string fit(std::string_view text, int columns) {
  size_t end = 0;
  for (int left = columns; end < text.size();) {
    const size_t size = character_size(text.substr(end));
    left -= character_width(text.substr(end, size));
    if (left < 0) break;
    end += size;
  }
  return std::string(text.substr(0, end));
}

void show_status(const std::string& line) { status().show(line); }
void end_status() { status().end(); }
void write(std::string_view lines) { status().write_above(lines); }

}  // namespace retmask::terminal
