#include "python_text.h"

#include "retmask/jinja/unicode.h"

namespace retmask::metrics {
namespace {

// The ASCII character that re.IGNORECASE takes `c` for; 0 if there is none.
char ascii_case(char32_t c) {
  switch (c) {
    case 0x17F:  // long s
      return 's';
    case 0x130:  // dotted capital I
    case 0x131:  // dotless i
      return 'i';
    case 0x212A:  // Kelvin sign
      return 'k';
    default:
      if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
      return c < 0x80 ? static_cast<char>(c) : '\0';
  }
}

std::optional<size_t> match_ignoring_case(std::string_view text,
                                          size_t at,
                                          std::string_view pattern) {
  for (const char expected : pattern) {
    if (at == text.size() || ascii_case(jinja::decode_at(text, at)) != expected) return {};
  }
  return at;
}

}  // namespace

std::string replace_all(std::string_view text, std::string_view what, std::string_view with) {
  std::string out;
  out.reserve(text.size());
  size_t begin = 0;
  for (size_t at = 0; (at = text.find(what, begin)) != std::string_view::npos;) {
    out.append(text.substr(begin, at - begin)).append(with);
    begin = at + what.size();
  }
  return out.append(text.substr(begin));
}

std::vector<std::string_view> split_at(std::string_view text, std::string_view separator) {
  std::vector<std::string_view> pieces;
  size_t begin = 0;
  for (size_t at = 0; (at = text.find(separator, begin)) != std::string_view::npos;) {
    pieces.push_back(text.substr(begin, at - begin));
    begin = at + separator.size();
  }
  pieces.push_back(text.substr(begin));
  return pieces;
}

std::vector<std::string_view> split_white_space(std::string_view text) {
  std::vector<std::string_view> words;
  size_t begin = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t here = at;
    if (!jinja::is_space(jinja::decode_at(text, at))) continue;
    if (here > begin) words.push_back(text.substr(begin, here - begin));
    begin = at;
  }
  if (begin < text.size()) words.push_back(text.substr(begin));
  return words;
}

std::string_view strip(std::string_view text) {
  return jinja::strip_spaces(text, /*left=*/true, /*right=*/true);
}

std::string_view strip_end(std::string_view text, char one) {
  while (text.ends_with(one)) text.remove_suffix(1);
  return text;
}

std::optional<TextSpan> find_ignoring_case(std::string_view text, std::string_view pattern) {
  for (size_t at = 0; at < text.size();) {
    if (const auto end = match_ignoring_case(text, at, pattern)) return TextSpan{at, *end};
    jinja::decode_at(text, at);
  }
  return {};
}

}  // namespace retmask::metrics
