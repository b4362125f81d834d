#include <cctype>
#include <cmath>

#include "json_text.h"
#include "retmask/report/svg.h"

namespace retmask {

std::string format_interval(const ValueInterval& interval) {
  if (!interval.is_known()) return "";
  return format_number(interval.low, 3) + " to " + format_number(interval.high, 3);
}

std::string format_value(double value, const ValueInterval& interval) {
  if (std::isnan(value)) return "no data";
  const std::string text = format_number(value, 3);
  return interval.is_known() ? text + " (" + format_interval(interval) + ")" : text;
}

std::string text_of(const Json& value) {
  if (value.is_null()) return "";
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_float()) return format_number(value.get<double>());
  if (!value.is_structured()) return value.dump();
  std::string list;
  for (const auto& [key, item] : value.items()) {
    list += (list.empty() ? "" : ", ") + (value.is_object() ? key + " " : "") + text_of(item);
  }
  return list;
}

std::string file_stem(const std::string& name) {
  std::string stem;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.') {
      stem += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else if (!stem.empty() && stem.back() != '_') {
      stem += '_';
    }
  }
  return stem.substr(0, 80);
}

double number_or_none(const Json& object, const std::string& key, const std::string& where) {
  return json_get_or<double>(object, key, std::nan(""), where);
}

ValueInterval interval_of(const Json& object, const std::string& key, const std::string& where) {
  if (!object.contains(key) || object.at(key).is_null()) return {};
  const auto [low, high] = json_get<std::pair<double, double>>(object, key, where);
  return {low, high};
}

}  // namespace retmask
