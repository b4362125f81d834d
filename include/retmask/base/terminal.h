#pragma once
// Terminal output on stderr: one status line updated in place, text lines above it, and escaping of
// control characters.

#include <string>
#include <string_view>

namespace retmask::terminal {

// Whether stderr is a terminal that can move its cursor (not TERM=dumb).
bool can_update_in_place();

// The same, and colours are not disabled (https://no-color.org).
bool has_colours();

// Current width of the terminal; 80 if unknown (COLUMNS overrides).
int columns();

// "2026-11-28 17:15:43 " if stderr is a log; empty on a terminal.
std::string timestamp();

// Control characters other than line breaks and tabs as \x1b: they could move the cursor or set the
// title.
std::string printable(std::string_view text);

// Upper bound on the columns of `text`: characters beyond Greek, Cyrillic and the like count as
// two.
int width(std::string_view text);

// The longest prefix of `text` (UTF-8) that fits into `columns`.
std::string fit(std::string_view text, int columns);

// Shows `line` in place of the previous status line, cut to the terminal's width.
void show_status(const std::string& line);
// Keeps the status line; later output goes below it.
void end_status();

// Writes `lines`, each ending in a line break, above the status line.
void write(std::string_view lines);

}  // namespace retmask::terminal

namespace retmask {
using terminal::printable;
}
