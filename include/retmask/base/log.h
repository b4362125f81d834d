#pragma once
// Messages for people, on stderr. Results go to stdout and are printed by cli alone.

#include <string_view>

namespace retmask::log {

// Hides info lines (and progress); warnings stay.
void set_quiet(bool quiet);
bool is_quiet();
// Hides both: where another process of the same run says the same.
void hide_warnings();

void info(std::string_view message);
void warn(std::string_view message);
void error(std::string_view message);

}  // namespace retmask::log
