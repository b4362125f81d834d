#include "earlier_options.h"

#include <algorithm>

#include "retmask/base/error.h"

namespace retmask::cli {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_input(const std::vector<InputFlag>& inputs, const std::string& name) {
  return std::ranges::any_of(inputs, [&](const InputFlag& input) { return input.flag == name; });
}

}  // namespace

Json with_earlier_options(const Invocation& invocation,
                          const Json& earlier,
                          const std::vector<std::string>& skipped,
                          const std::vector<std::string>& free,
                          const std::vector<InputFlag>& inputs,
                          const std::string& where) {
  Json options = invocation.options;
  for (auto& [name, value] : options.items()) {
    const auto before = earlier.find(name);
    if (before == earlier.end() || contains(skipped, name)) continue;
    if (!contains(invocation.given, name)) {
      if (!is_unset(*before)) value = *before;
    } else if (!contains(free, name) && value != *before &&
               !(is_input(inputs, name) && names_same_places(value, *before))) {
      user_error("--", name, " is ", value, ", but ", where, " was made with ", *before);
    }
  }
  return options;
}

}  // namespace retmask::cli
