#include "builtin_data.h"

#include <map>

#include "builtin_files.h"
#include "retmask/base/error.h"

namespace retmask::eval {

const Json& builtin_data(std::string_view name) {
  static const std::map<std::string_view, Json> files = [] {
    std::map<std::string_view, Json> parsed;
    for (const BuiltinFile& file : kBuiltinFiles) {
      parsed[file.name] = parse_json(file.text, "configs/eval/" + std::string(file.name) + ".json");
    }
    return parsed;
  }();
  const auto found = files.find(name);
  RETMASK_CHECK(found != files.end(), "configs/eval has no ", name);
  return found->second;
}

std::string fill_template(std::string_view text, const Json& values) {
  std::string filled;
  for (size_t at = 0; at < text.size();) {
    const size_t begin = text.find('{', at);
    const size_t end = begin == std::string_view::npos ? begin : text.find('}', begin);
    if (end == std::string_view::npos) {
      filled += text.substr(at);
      break;
    }
    const std::string name(text.substr(begin + 1, end - begin - 1));
    RETMASK_CHECK(values.contains(name), "the template has {", name, "}: ", text);
    filled += text.substr(at, begin - at);
    filled += values[name].get_ref<const std::string&>();
    at = end + 1;
  }
  return filled;
}

}  // namespace retmask::eval
