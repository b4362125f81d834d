#pragma once
// stderr as people see it: one line that is updated in place, lines that are written above it, and
// what a terminal must not be sent.

#include <string>
#include <string_view>

namespace retmask::terminal {

// stderr is a terminal, and not one that cannot move its cursor (TERM=dumb).
bool can_update_in_place();

// The same, and no one asked to have no colours (https://no-color.org).
bool has_colours();

// Of the terminal, as it is now; 80 where it does not say (COLUMNS may).
int columns();

// "2026-11-28 17:15:43 " where stderr is a log; empty on a terminal.
std::string timestamp();

// Control characters but line breaks and tabs as \x1b: they would move cursors and set titles.
std::string printable(std::string_view text);

// Columns that `text` takes, or more: beyond Greek, Cyrillic and their like a character counts two.
int width(std::string_view text);

// The beginning of `text`, UTF-8, that takes no more than `columns`.
std::string fit(std::string_view text, int columns);

// Shows `line` in the place of the one before; both are cut to the terminal's width.
void show_status(const std::string& line);
// It stays, and what comes stands below it.
void end_status();

// `lines`, each with its line break, above the status line.
void write(std::string_view lines);

}  // namespace retmask::terminal

namespace retmask {
using terminal::printable;
}
