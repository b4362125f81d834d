#include "earlier_options.h"

#include <algorithm>

#include "common.h"
#include "retmask/base/error.h"

namespace retmask::cli {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::ranges::find(names, name) != names.end();
}

std::string as_flag_value(const Json& value) {
  return value.is_string() ? value.get<std::string>() : value.dump();
}

bool is_input(const std::vector<InputFlag>& inputs, const std::string& name) {
  return std::ranges::any_of(inputs, [&](const InputFlag& input) { return input.flag == name; });
}

void set(CLI::Option& option, const Json& value) {
  if (value.is_null() || value == false) return;  // was not set either
  if (value.is_array()) {
    for (const Json& item : value) option.add_result(as_flag_value(item));
  } else {
    option.add_result(as_flag_value(value));
  }
  if (option.count() > 0) option.run_callback();
}

}  // namespace

void take_earlier_options(CLI::App& app,
                          const Json& earlier,
                          const std::vector<std::string>& skipped,
                          const std::vector<std::string>& free,
                          const std::vector<InputFlag>& inputs,
                          const std::string& where) {
  const Json now = resolved_options(app);
  for (CLI::Option* option : app.get_options()) {
    const std::string name = option->get_single_name();
    const auto value = earlier.find(name);
    if (!option->get_configurable() || value == earlier.end() || contains(skipped, name)) continue;
    if (option->count() == 0) {
      set(*option, *value);
    } else if (!contains(free, name) && now[name] != *value &&
               !(is_input(inputs, name) && names_same_places(now[name], *value))) {
      user_error("--", name, " is ", now[name], ", but ", where, " was made with ", *value);
    }
  }
}

}  // namespace retmask::cli
