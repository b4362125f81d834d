#pragma once
// Python's textwrap.wrap, for the filter wordwrap.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace retmask::jinja {

struct WrapOptions {
  int64_t width = 79;  // at least 1
  bool break_long_words = true;
  bool break_on_hyphens = true;
};

// Splits a line of text into several.
std::vector<std::string> wrap_line(std::string_view line, const WrapOptions& options);

}  // namespace retmask::jinja
