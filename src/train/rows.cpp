#include "retmask/train/rows.h"

#include <string_view>

#include "retmask/base/error.h"

namespace retmask::train {
namespace {

bool has(const Json& row, std::string_view key) {
  const auto found = row.find(key);
  return found != row.end() && !found->is_null();
}

[[noreturn]] void wrong_fields(const Json& row, LossKind loss, const std::string& where) {
  std::string found;
  for (const auto& [key, value] : row.items())
    found += (found.empty() ? "\"" : ", \"") + key + "\"";
  user_error(where,
             ": expected the fields \"prompt\", \"chosen\", \"rejected\"",
             loss == LossKind::sft ? ", or \"prompt\", \"completion\", or \"messages\"" : "",
             "; found ",
             found.empty() ? "none" : found);
}

void check_message(const Json& message, const std::string& what, const std::string& where) {
  const bool whole = message.is_object() && message.contains("role") &&
                     message.at("role").is_string() && message.contains("content") &&
                     message.at("content").is_string();
  if (!whole) {
    user_error(where,
               ": \"",
               what,
               "\" holds ",
               message.dump().substr(0, 80),
               ", expected {\"role\": text, \"content\": text}");
  }
}

// A non-empty text or a non-empty list of messages.
Json read_text(const Json& row, const std::string& key, const std::string& where) {
  const Json& value = row.at(key);
  if (!value.is_string() && !value.is_array()) {
    user_error(where,
               ": \"",
               key,
               "\" is ",
               value.dump().substr(0, 80),
               ", expected a list of messages or a text");
  }
  if (value.empty() || (value.is_string() && value.get_ref<const std::string&>().empty())) {
    user_error(where, ": \"", key, "\" is empty");
  }
  if (value.is_array()) {
    for (const Json& message : value) check_message(message, key, where);
  }
  return value;
}

Json read_template_variables(const Json& row, const std::string& where) {
  Json variables = Json::object();
  if (has(row, "tools")) variables["tools"] = row.at("tools");
  if (!has(row, "chat_template_kwargs")) return variables;
  const Json& extra = row.at("chat_template_kwargs");
  if (!extra.is_object()) user_error(where, ": \"chat_template_kwargs\" is not an object");
  variables.update(extra);
  return variables;
}

// {"messages"}: everything before the last message is the prompt.
void split_messages(const Json& row, TextRow& out) {
  const Json messages = read_text(row, "messages", out.where);
  if (!messages.is_array() || messages.size() < 2 || messages.back()["role"] != "assistant") {
    user_error(out.where,
               ": \"messages\" must be a list of a prompt's messages and an assistant's answer");
  }
  out.prompt = Json::array();
  for (size_t i = 0; i + 1 < messages.size(); ++i) out.prompt.push_back(messages[i]);
  out.chosen = Json::array({messages.back()});
}

void check_same_kind(const TextRow& row) {
  for (const Json* answer : {&row.chosen, &row.rejected}) {
    if (!answer->is_null() && answer->is_array() != row.conversational()) {
      user_error(row.where,
                 ": the prompt is ",
                 row.conversational() ? "a list of messages" : "a text",
                 " but an answer is not; give all of them in the same form");
    }
  }
}

}  // namespace

TextRow parse_row(const Json& row, LossKind loss, const std::string& where) {
  if (!row.is_object()) user_error(where, ": expected an object, found ", row.dump().substr(0, 80));
  TextRow out;
  out.where = where;
  out.template_variables = read_template_variables(row, where);
  if (has(row, "prompt") && has(row, "chosen") && (loss == LossKind::sft || has(row, "rejected"))) {
    out.prompt = read_text(row, "prompt", where);
    out.chosen = read_text(row, "chosen", where);
    if (loss != LossKind::sft) out.rejected = read_text(row, "rejected", where);
  } else if (loss == LossKind::sft && has(row, "prompt") && has(row, "completion")) {
    out.prompt = read_text(row, "prompt", where);
    out.chosen = read_text(row, "completion", where);
  } else if (loss == LossKind::sft && has(row, "messages")) {
    split_messages(row, out);
  } else {
    wrong_fields(row, loss, where);
  }
  check_same_kind(out);
  return out;
}

void for_each_row(const std::filesystem::path& path,
                  LossKind loss,
                  const std::function<void(const TextRow&)>& visit) {
  for_each_json_line(path, "training file", [&](const Json& row, int64_t line) {
    visit(parse_row(row, loss, path.string() + ":" + std::to_string(line)));
  });
}

}  // namespace retmask::train
