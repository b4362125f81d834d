#include <cctype>
#include <cmath>

#include "json_text.h"
#include "retmask/base/error.h"
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
  const Json ends = json_get_or<Json>(object, key, Json(), where);
  if (ends.is_null()) return {};
  const auto is_end = [](const Json& end) { return end.is_null() || end.is_number(); };
  if (!ends.is_array() || ends.size() != 2 || !is_end(ends[0]) || !is_end(ends[1]))
    user_error(where, ": \"", key, "\" is ", ends.dump(), ", expected [low, high]");
  if (ends[0].is_null() || ends[1].is_null()) return {};
  return {ends[0].get<double>(), ends[1].get<double>()};
}

std::string shortened(const std::string& path, size_t length) {
  if (path.size() <= length) return path;
  size_t begin = path.size() - length;
  while (begin < path.size() && (static_cast<unsigned char>(path[begin]) & 0xC0) == 0x80) ++begin;
  return "…" + path.substr(begin);
}

}  // namespace retmask
