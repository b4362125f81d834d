#include <array>

#include "retmask/base/error.h"
#include "retmask/rows/messages.h"

namespace retmask::rows {
namespace {

// The column, parsed if it is JSON text; null if it is absent or blank.
Json column_value(const Json& row, const char* column, const std::string& where) {
  const auto found = row.find(column);
  if (found == row.end() || found->is_null()) return nullptr;
  if (!found->is_string()) return *found;
  const auto& text = found->get_ref<const std::string&>();
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) return nullptr;
  return parse_json(text, where + ": the text of \"" + column + "\"");
}

}  // namespace

Json template_variables(const Json& row, const std::string& where) {
  Json variables = Json::object();
  Json tools = column_value(row, "tools", where);
  if (!tools.is_null()) {
    if (!tools.is_array()) {
      user_error(
          where, ": \"tools\" is ", dump_json_line(tools).substr(0, 80), ", expected a list");
    }
    variables["tools"] = std::move(tools);
  }
  const Json extra = column_value(row, "chat_template_kwargs", where);
  if (extra.is_null()) return variables;
  if (!extra.is_object()) user_error(where, ": \"chat_template_kwargs\" is not an object");
  variables.update(extra);
  return variables;
}

void refuse_media(const Json& row, const std::string& where) {
  for (const char* column : {"images", "image", "videos", "video", "audios", "audio"}) {
    const auto found = row.find(column);
    if (found == row.end() || found->is_null()) continue;
    if (found->is_string() ? found->get_ref<const std::string&>().empty() : found->empty())
      continue;
    user_error(where, ": \"", column, "\" is set, but only text is supported");
  }
}

}  // namespace retmask::rows
