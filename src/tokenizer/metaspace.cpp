#include "metaspace.h"

#include "retmask/base/error.h"
#include "utf8.h"

namespace retmask::text {
namespace {

Metaspace::Prepend read_prepend(const Json& json, const std::string& where) {
  const auto name = json_get_or<std::string>(json, "prepend_scheme", "always", where);
  // Files older than prepend_scheme use add_prefix_space.
  const bool may_prepend = json_get_or(json, "add_prefix_space", true, where);
  if (name == "never" || !may_prepend) return Metaspace::Prepend::kNever;
  if (name == "first") return Metaspace::Prepend::kFirst;
  if (name == "always") return Metaspace::Prepend::kAlways;
  user_error(where, ": prepend_scheme \"", name, "\" is unknown, expected first, never or always");
}

}  // namespace

Metaspace read_metaspace(const Json& json, const std::string& where) {
  Metaspace metaspace;
  metaspace.replacement = json_get<std::string>(json, "replacement", where);
  if (count_code_points(metaspace.replacement) != 1) {
    user_error(where, ": the replacement of Metaspace must be one character");
  }
  metaspace.prepend = read_prepend(json, where);
  metaspace.split = json_get_or(json, "split", true, where);
  return metaspace;
}

}  // namespace retmask::text
