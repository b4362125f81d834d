#pragma once
// User-facing messages on stderr. Results go to stdout and are printed by cli alone.

#include <string_view>

namespace retmask::log {

// Hides info messages and progress; warnings remain.
void set_quiet(bool quiet);
bool is_quiet();
// Hides warnings too: for a process whose peer in the same run reports the same.
void hide_warnings();

void info(std::string_view message);
void warn(std::string_view message);
void error(std::string_view message);

}  // namespace retmask::log
