#include "retmask/rows/messages.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "retmask/base/error.h"

namespace retmask::rows {
namespace {

constexpr std::array kSystemColumns = {"system", "system_prompt", "system_message"};
constexpr std::array kKnownFields = {
    "name", "tool_calls", "tool_call_id", "reasoning_content", "reasoning", "thinking"};
constexpr const char* kFunctionCall = "function_call";

// In lower case, with '_' for other separators.
constexpr std::pair<std::string_view, std::string_view> kRoles[] = {
    {"system", "system"},
    {"developer", "developer"},
    {"user", "user"},
    {"human", "user"},
    {"prompter", "user"},
    {"assistant", "assistant"},
    {"gpt", "assistant"},
    {"gpt4", "assistant"},
    {"gpt_4", "assistant"},
    {"chatgpt", "assistant"},
    {"bing", "assistant"},
    {"bard", "assistant"},
    {"gemini", "assistant"},
    {"claude", "assistant"},
    {"model", "assistant"},
    {"bot", "assistant"},
    {"chatbot", "assistant"},
    {"ai", "assistant"},
    {"tool", "tool"},
    {"observation", "tool"},
    {"tool_response", "tool"},
    {"tool_result", "tool"},
    {"function", "tool"},
    {"function_response", "tool"},
    {"ipython", "ipython"},
    {"documents", "documents"},
    {"function_call", kFunctionCall},
    {"tool_call", kFunctionCall},
};

std::string folded(const std::string& name) {
  std::string out;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z') {
      out += static_cast<char>(c - 'A' + 'a');
    } else {
      out += c == '-' || c == ' ' ? '_' : c;
    }
  }
  return out;
}

std::string standard_role(const std::string& role, const std::string& where) {
  const std::string name = folded(role);
  for (const auto& [known, standard] : kRoles) {
    if (name == known) return std::string(standard);
  }
  std::string known_names;
  for (const auto& [known, standard] : kRoles) {
    known_names += (known_names.empty() ? "" : ", ") + std::string(known);
  }
  user_error(where,
             ": the role ",
             dump_json_line(role),
             " of a message is unknown, expected one of ",
             known_names);
}

const Json* find(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : &*found;
}

bool is_set(const Json* value) { return value != nullptr && !value->is_null(); }

std::string shown(const Json& value) { return dump_json_line(value).substr(0, 80); }

// A text, or OpenAI's list of parts if all of them are text.
std::string content_text(const Json& content, const std::string& where) {
  if (content.is_null()) return "";
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array())
    user_error(where, ": a message's content is ", content.type_name(), ", expected text");
  std::string text;
  for (const Json& part : content) {
    if (part.is_string()) {
      text += part.get_ref<const std::string&>();
      continue;
    }
    if (!part.is_object()) {
      user_error(where, ": a part of a message's content is ", part.type_name(), ", expected text");
    }
    if (json_get_or<std::string>(part, "type", "text", where) != "text") {
      user_error(where, ": a message has a part of type ", part["type"], ", expected only text");
    }
    text += json_get<std::string>(part, "text", where);
  }
  return text;
}

// Nullopt if it is not JSON; text that only looks like JSON stays text.
std::optional<Json> parse_leniently(const std::string& text) {
  const size_t start = text.find_first_not_of(" \t\r\n");
  if (start == std::string::npos || (text[start] != '[' && text[start] != '{')) return std::nullopt;
  try {
    return parse_json(text, "text");
  } catch (const UserError&) {
    return std::nullopt;
  }
}

bool looks_like_message(const Json& item) {
  return item.is_object() && (item.contains("role") || item.contains("from")) &&
         (item.contains("content") || item.contains("value") || item.contains("tool_calls"));
}

bool is_message_list(const Json& value) {
  return value.is_array() && !value.empty() && std::ranges::all_of(value, looks_like_message);
}

// LLaMA-Factory's function calls: the JSON text of {"name", "arguments"} or of a list of them.
Json tool_calls_of(const std::string& text, const std::string& where) {
  std::optional<Json> calls = parse_leniently(text);
  if (calls && calls->is_object()) calls = Json::array({*calls});
  const auto is_call = [](const Json& call) {
    return call.is_object() && call.contains("name") && call["name"].is_string();
  };
  if (!calls || calls->empty() || !std::ranges::all_of(*calls, is_call)) {
    user_error(where,
               ": a message with the role function_call is ",
               shown(text),
               ", expected the JSON text of {\"name\", \"arguments\"}");
  }
  Json out = Json::array();
  for (const Json& call : *calls) {
    Json arguments = call.value("arguments", call.value("parameters", Json::object()));
    if (arguments.is_string()) {
      if (auto parsed = parse_leniently(arguments.get<std::string>())) arguments = *parsed;
    }
    Json function = {{"name", call["name"]}};
    function["arguments"] = std::move(arguments);
    out.push_back({{"type", "function"}, {"function", std::move(function)}});
  }
  return out;
}

Json message(const std::string& role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

void copy_fields(const Json& item, MessageFields fields, Json& out) {
  for (const auto& [name, value] : item.items()) {
    if (value.is_null() || name == "role" || name == "content") continue;
    const bool known =
        std::ranges::any_of(kKnownFields, [&name = name](const char* k) { return name == k; });
    if (known || (fields == MessageFields::all && item.contains("role"))) out[name] = value;
  }
}

}  // namespace

Json standard_message(const Json& item,
                      const std::string& column,
                      const std::string& where,
                      MessageFields fields) {
  if (!item.is_object()) {
    user_error(where,
               ": \"",
               column,
               "\" holds ",
               shown(item),
               ", expected a message {\"role\": text, \"content\": text}");
  }
  const bool has_role = is_set(find(item, "role")) || !item.contains("from");
  const std::string role =
      standard_role(json_get<std::string>(item, has_role ? "role" : "from", where), where);
  const Json* content = find(item, "content");
  if (content == nullptr) content = find(item, "value");
  const bool calls_tools = is_set(find(item, "tool_calls"));
  if (content == nullptr && !calls_tools) {
    user_error(where,
               ": \"",
               column,
               "\" holds ",
               shown(item),
               ", a message without \"content\"; expected {\"role\": text, \"content\": text}");
  }
  if (is_set(find(item, kFunctionCall))) {
    user_error(where,
               ": a message has \"function_call\", which chat templates do not read; give it as "
               "\"tool_calls\"");
  }
  std::string text = content == nullptr ? "" : content_text(*content, where);
  if (role == kFunctionCall) {
    Json out = message("assistant", "");
    out["tool_calls"] = tool_calls_of(text, where);
    return out;
  }
  Json out = message(role, text);
  // As in transformers.
  if (fields == MessageFields::all && calls_tools && !is_set(content)) out.erase("content");
  copy_fields(item, fields, out);
  return out;
}

Json standard_messages(const Json& value,
                       const std::string& column,
                       const std::string& where,
                       MessageFields fields) {
  if (value.is_string()) {
    const auto parsed = parse_leniently(value.get_ref<const std::string&>());
    if (parsed && parsed->is_array()) return standard_messages(*parsed, column, where, fields);
  }
  if (!value.is_array()) {
    user_error(where,
               ": \"",
               column,
               "\" is ",
               value.is_string() ? shown(value) : value.type_name(),
               ", expected a list of messages");
  }
  Json messages = Json::array();
  for (const Json& item : value) messages.push_back(standard_message(item, column, where, fields));
  return messages;
}

bool holds_messages(const Json& value) {
  if (!value.is_string()) return is_message_list(value);
  const auto parsed = parse_leniently(value.get_ref<const std::string&>());
  return parsed && is_message_list(*parsed);
}

std::string system_text(const Json& row, const std::string& where) {
  std::string text;
  for (const char* column : kSystemColumns) {
    const Json* value = find(row, column);
    if (!is_set(value)) continue;
    if (!value->is_string())
      user_error(where, ": \"", column, "\" is ", value->type_name(), ", expected text");
    const auto& found = value->get_ref<const std::string&>();
    if (!text.empty() && !found.empty() && found != text) {
      user_error(
          where, ": the columns of the system prompt differ: \"", column, "\" says ", shown(found));
    }
    if (!found.empty()) text = found;
  }
  return text;
}

Json history_messages(const Json& row, const std::string& where, MessageFields fields) {
  const Json* history = find(row, "history");
  if (!is_set(history)) return Json::array();
  Json turns = *history;
  if (turns.is_string()) {
    const auto& text = turns.get_ref<const std::string&>();
    if (text.find_first_not_of(" \t\r\n") == std::string::npos) return Json::array();
    if (auto parsed = parse_leniently(text)) turns = *parsed;
  }
  if (!turns.is_array()) {
    user_error(where,
               ": \"history\" is ",
               shown(turns),
               ", expected [[question, answer], ...] or a list of messages");
  }
  Json messages = Json::array();
  for (const Json& turn : turns) {
    if (turn.is_object()) {
      messages.push_back(standard_message(turn, "history", where, fields));
      continue;
    }
    if (!turn.is_array() || turn.size() != 2 || !turn[0].is_string() || !turn[1].is_string()) {
      user_error(where, ": \"history\" holds ", shown(turn), ", expected [question, answer]");
    }
    messages.push_back(message("user", turn[0].get<std::string>()));
    messages.push_back(message("assistant", turn[1].get<std::string>()));
  }
  return messages;
}

Json with_context(const Json& row, Json messages, const std::string& where, MessageFields fields) {
  const auto is_system = [](const Json& item) { return item["role"] == "system"; };
  Json whole = Json::array();
  const std::string system = system_text(row, where);
  const bool has_own = !messages.empty() && is_system(messages[0]);
  if (has_own && !system.empty() && messages[0]["content"] != system) {
    user_error(where,
               ": the row's system prompt ",
               shown(system),
               " and the system message of its conversation ",
               shown(messages[0]["content"]),
               " differ; keep one of them");
  }
  Json history = history_messages(row, where, fields);
  if (has_own) {
    whole.push_back(messages[0]);
    messages.erase(messages.begin());
  } else if (!system.empty()) {
    whole.push_back(message("system", system));
  }
  for (Json& item : history) whole.push_back(std::move(item));
  for (Json& item : messages) whole.push_back(std::move(item));
  return whole;
}

std::vector<std::string> context_columns() {
  std::vector<std::string> columns(kSystemColumns.begin(), kSystemColumns.end());
  for (const char* column : {"history",
                             "tools",
                             "chat_template_kwargs",
                             "images",
                             "image",
                             "videos",
                             "video",
                             "audios",
                             "audio"}) {
    columns.emplace_back(column);
  }
  return columns;
}

}  // namespace retmask::rows
