#include "jinja_source.h"

namespace retmask::text {
namespace {

bool starts_block(std::string_view text) {
  // {%+ keeps the blanks.
  return (text.starts_with("{%") || text.starts_with("{#")) && !text.substr(2).starts_with('+');
}

}  // namespace

std::string prepare_template(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (size_t at = 0; at < source.size();) {
    // One line, with its line break.
    const size_t newline = source.find('\n', at);
    const size_t end = newline == std::string_view::npos ? source.size() : newline + 1;
    std::string_view line = source.substr(at, end - at);
    at = end;

    const size_t text_start = line.find_first_not_of(" \t");
    if (text_start != std::string_view::npos && starts_block(line.substr(text_start))) {
      line.remove_prefix(text_start);
    }
    const bool is_dos = line.ends_with("\r\n");
    out.append(line.substr(0, line.size() - (is_dos ? 2 : 0)));
    if (is_dos) out += '\n';
  }
  return out;
}

}  // namespace retmask::text
