#include "python_format.h"

#include "retmask/base/error.h"

namespace retmask::eval {

std::string python_format(std::string_view text, const Json& values, const std::string& where) {
  std::string filled;
  for (size_t at = 0; at < text.size();) {
    const size_t brace = text.find_first_of("{}", at);
    filled += text.substr(at, brace - at);
    if (brace == std::string_view::npos) break;
    if (text.substr(brace, 2) == "{{" || text.substr(brace, 2) == "}}") {
      filled += text[brace];
      at = brace + 2;
      continue;
    }
    const size_t end = text[brace] == '{' ? text.find('}', brace) : std::string_view::npos;
    if (end == std::string_view::npos) {
      user_error(where, ": a single brace, which must be doubled where it is no {placeholder}");
    }
    const std::string name(text.substr(brace + 1, end - brace - 1));
    if (!values.contains(name)) {
      std::string known;
      for (const auto& [key, value] : values.items()) known += (known.empty() ? "" : ", ") + key;
      user_error(where, ": unknown placeholder {", name, "}, expected one of: ", known);
    }
    filled += values[name].get_ref<const std::string&>();
    at = end + 1;
  }
  return filled;
}

}  // namespace retmask::eval
