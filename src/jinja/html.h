#pragma once
// markupsafe: escaping, and operations on text marked as escaped.

#include <string>
#include <string_view>
#include <vector>

#include "runtime.h"
#include "value.h"

namespace retmask::jinja {

std::string escape_html(std::string_view text);
// The text of markup unchanged, any other text escaped.
std::string escape_soft(const Value& text);
// escape(value): markup unchanged, everything else escaped as str() prints it.
std::string escape_value(Runtime& runtime, const Value& value);

std::string strip_tags(std::string_view html);
std::string unescape_html(std::string_view html);
// {% filter urlize %}: turns addresses into links.
struct UrlizeOptions {
  int64_t trim_limit = -1;  // -1: none
  std::string rel;          // empty: none
  std::string target;       // empty: none
  std::vector<std::string> extra_schemes;
};
std::string urlize(std::string_view text, const UrlizeOptions& options);

}  // namespace retmask::jinja
