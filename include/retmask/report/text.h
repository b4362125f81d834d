#pragma once
// Formatting of values for reports.

#include <string>
#include <string_view>

namespace retmask {

// Escapes text for XML and HTML, content and attributes. Control characters that XML forbids become
// U+FFFD.
std::string escape_xml(std::string_view text);

// "0.25", "1200", "5e-07": the shortest form with up to `digits` significant digits.
std::string format_number(double value, int digits = 4);

}  // namespace retmask
