#pragma once
// What the reference implementations do to strings in Python. Character classes and case mappings
// are in retmask/jinja/unicode.h.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace retmask::metrics {

// str.replace()
std::string replace_all(std::string_view text, std::string_view what, std::string_view with);
// str.split(separator): one piece more than there are separators.
std::vector<std::string_view> split_at(std::string_view text, std::string_view separator);
// str.split()
std::vector<std::string_view> split_white_space(std::string_view text);
// str.strip()
std::string_view strip(std::string_view text);
// str.rstrip(one)
std::string_view strip_end(std::string_view text, char one);

struct TextSpan {
  size_t begin;
  size_t end;
};

// First match of a pattern of lower-case ASCII characters under re.IGNORECASE.
std::optional<TextSpan> find_ignoring_case(std::string_view text, std::string_view pattern);

}  // namespace retmask::metrics
