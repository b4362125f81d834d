#pragma once
// Template implementations of base/json.h; include that header instead.

#include <string>
#include <type_traits>

#include "retmask/base/error.h"

namespace retmask {
namespace detail {

template <typename T>
bool json_is(const Json& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return value.is_boolean();
  } else if constexpr (std::is_integral_v<T>) {
    return value.is_number_integer();
  } else if constexpr (std::is_floating_point_v<T>) {
    return value.is_number();
  } else if constexpr (std::is_same_v<T, std::string>) {
    return value.is_string();
  } else {
    return true;  // containers: left to nlohmann's conversion
  }
}

template <typename T>
T json_convert(const Json& value, const std::string& key, const std::string& where) {
  try {
    if (json_is<T>(value)) return value.get<T>();
  } catch (const nlohmann::json::exception&) {
    // reported below
  }
  user_error(where, ": \"", key, "\" has the wrong type: ", value.dump().substr(0, 80));
}

}  // namespace detail

template <typename T>
T json_get(const Json& object, const std::string& key, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) user_error(where, ": \"", key, "\" is missing");
  return detail::json_convert<T>(*found, key, where);
}

template <typename T>
T json_get_or(const Json& object, const std::string& key, T fallback, const std::string& where) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return fallback;
  return detail::json_convert<T>(*found, key, where);
}

}  // namespace retmask
