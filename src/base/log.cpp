#include "retmask/base/log.h"

// The only file that includes spdlog: its fmt differs from the one in torch's include folder.
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>

#include <mutex>

#include "retmask/base/terminal.h"

namespace retmask::log {
namespace {

// Writes above the status line. On a terminal the level is coloured; in a log each line starts with
// the time.
class StderrSink : public spdlog::sinks::base_sink<std::mutex> {
 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t formatted;
    formatter_->format(message, formatted);
    std::string line(formatted.data(), formatted.size());
    if (terminal::has_colours()) {
      line.insert(message.color_range_end, "\033[0m");
      line.insert(message.color_range_start, colour_of(message.level));
    }
    terminal::write(terminal::timestamp() + line);
  }

  void flush_() override {}

  static const char* colour_of(spdlog::level::level_enum level) {
    if (level >= spdlog::level::err) return "\033[1;31m";
    return level == spdlog::level::warn ? "\033[1;33m" : "\033[32m";
  }
};

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = std::make_shared<spdlog::logger>("retmask", std::make_shared<StderrSink>());
    made->set_pattern("%^%l%$: %v");
    return made;
  }();
  return *instance;
}

}  // namespace

void set_quiet(bool quiet) {
  logger().set_level(quiet ? spdlog::level::warn : spdlog::level::info);
}

void hide_warnings() { logger().set_level(spdlog::level::err); }

bool is_quiet() { return logger().level() > spdlog::level::info; }

void info(std::string_view message) { logger().info("{}", printable(message)); }
void warn(std::string_view message) { logger().warn("{}", printable(message)); }
void error(std::string_view message) { logger().error("{}", printable(message)); }

}  // namespace retmask::log
