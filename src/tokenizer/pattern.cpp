#include "pattern.h"

#include "retmask/base/error.h"

namespace retmask::text {

Regex read_pattern(const Json& json, const std::string& where) {
  const auto pattern = json_get<Json>(json, "pattern", where);
  if (pattern.is_object() && pattern.contains("String")) {
    return Regex::literal(json_get<std::string>(pattern, "String", where));
  }
  if (pattern.is_object() && pattern.contains("Regex")) {
    return Regex::compile(json_get<std::string>(pattern, "Regex", where), where);
  }
  user_error(where, ": \"pattern\" must be {\"String\": ..} or {\"Regex\": ..}");
}

std::string replace_all(std::string_view text, const Regex& pattern, std::string_view content) {
  std::string out;
  size_t copied = 0;
  RegexSearch search(pattern);
  search.start(text);
  while (const auto match = search.next()) {
    out.append(text.substr(copied, match->begin - copied));
    out.append(content);
    copied = match->end;
  }
  out.append(text.substr(copied));
  return out;
}

}  // namespace retmask::text
