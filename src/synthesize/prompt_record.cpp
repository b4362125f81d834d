#include "prompt_record.h"

#include <algorithm>
#include <array>

#include "retmask/base/error.h"
#include "retmask/rows/messages.h"

namespace retmask::synthesize {
namespace {

constexpr std::array kPromptColumns = {
    "messages", "conversation", "conversations", "prompt", "turns", "instruction"};
constexpr std::array kInputColumns = {"input", "context"};
constexpr std::array kIdColumns = {"id", "conversation_id", "key", "question_id", "prompt_id"};

const Json* find(const Json& row, const std::string& column) {
  const auto found = row.find(column);
  return found == row.end() || found->is_null() ? nullptr : &*found;
}

std::string column_list() {
  std::string names;
  for (const char* name : kPromptColumns) names += (names.empty() ? "" : ", ") + std::string(name);
  return names;
}

std::string prompt_column(const Json& row,
                          const std::string& prompt_field,
                          const std::string& where) {
  if (!row.is_object())
    user_error(where, ": expected an object with a prompt, found ", row.type_name());
  if (!prompt_field.empty()) {
    if (find(row, prompt_field) == nullptr)
      user_error(where, ": no column \"", prompt_field, "\" (--prompt-field)");
    return prompt_field;
  }
  for (const char* column : kPromptColumns) {
    if (find(row, column) != nullptr) return column;
  }
  user_error(where,
             ": no prompt; expected one of ",
             column_list(),
             ", or name the column with --prompt-field");
}

Json user_message(const std::string& text) { return {{"role", "user"}, {"content", text}}; }

bool holds_conversations(const std::string& column) {
  return column == "messages" || column == "conversation" || column == "conversations";
}

// Converts the column's value to messages. A string or a list of strings becomes user turns.
Json to_messages(const Json& value, const std::string& column, const std::string& where) {
  if (value.is_string() && !holds_conversations(column) && !rows::holds_messages(value)) {
    return Json::array({user_message(value.get<std::string>())});
  }
  if (!value.is_string() && !value.is_array()) {
    user_error(where,
               ": \"",
               column,
               "\" is ",
               value.type_name(),
               ", expected text or a list of messages");
  }
  if (!value.is_array() || value.empty() || !value[0].is_string()) {
    return rows::standard_messages(value, column, where, rows::MessageFields::known);
  }
  Json messages = Json::array();
  for (const Json& item : value) {
    if (!item.is_string()) {
      user_error(
          where, ": \"", column, "\" has an item of type ", item.type_name(), ", expected text");
    }
    messages.push_back(user_message(item.get<std::string>()));
  }
  return messages;
}

// The input follows the instruction, as in Alpaca's prompt. Dolly calls it context.
void append_input(const Json& row, Json& messages, const std::string& where) {
  for (const char* column : kInputColumns) {
    const std::string input = json_get_or<std::string>(row, column, "", where);
    if (input.empty()) continue;
    if (messages.empty()) user_error(where, ": \"", column, "\" has no instruction");
    messages.at(0)["content"] = messages.at(0)["content"].get<std::string>() + "\n\n" + input;
  }
}

bool is_blank(const std::string& text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string::npos;
}

Json conversation(const Json& row, const std::string& prompt_field, const std::string& where) {
  const std::string column = prompt_column(row, prompt_field, where);
  Json messages = to_messages(row[column], column, where);
  if (column == "instruction" && prompt_field.empty()) append_input(row, messages, where);
  return rows::with_context(row, std::move(messages), where, rows::MessageFields::known);
}

bool is_user(const Json& message) { return message["role"] == "user"; }

// Some ShareGPT conversations begin with an assistant turn.
bool may_begin(const Json& message) {
  return message["role"] != "assistant" && message["role"] != "tool";
}

// Messages from the first one not written by the model up to the first or last user turn. Empty if
// there is no user turn or that turn has no text.
std::optional<Json> part_to_answer(Json messages, Turns turns) {
  Json part = Json::array();
  size_t end = 0;  // end of the last user turn in `part`
  for (Json& message : messages) {
    const bool begins = end == 0;
    if (begins && !may_begin(message)) continue;
    part.push_back(std::move(message));
    if (is_user(part.back())) end = part.size();
    if (end > 0 && turns == Turns::first) break;
  }
  if (end == 0 || is_blank(part[end - 1]["content"].get_ref<const std::string&>())) {
    return std::nullopt;
  }
  part.erase(part.begin() + static_cast<Json::difference_type>(end), part.end());
  return part;
}

std::string own_id(const Json& row) {
  for (const char* column : kIdColumns) {
    const Json* id = find(row, column);
    if (id != nullptr && id->is_string()) return id->get<std::string>();
    if (id != nullptr && id->is_number_integer()) return id->dump();
  }
  return "";
}

std::optional<bool> flag(const Json& row, const std::string& column) {
  const Json* value = find(row, column);
  if (value == nullptr || !value->is_boolean()) return std::nullopt;
  return value->get<bool>();
}

// LMSYS-Chat-1M has one moderation object per message: [{"categories", "category_scores",
// "flagged"}].
std::optional<bool> any_flagged(const Json& row) {
  const Json* moderation = find(row, "openai_moderation");
  if (moderation == nullptr || !moderation->is_array()) return std::nullopt;
  std::optional<bool> any;
  for (const Json& message : *moderation) {
    if (!message.is_object()) continue;
    if (const std::optional<bool> flagged = flag(message, "flagged")) {
      any = any.value_or(false) || *flagged;
    }
  }
  return any;
}

}  // namespace

std::vector<std::string> known_columns(const PromptOptions& options) {
  std::vector<std::string> columns(kIdColumns.begin(), kIdColumns.end());
  columns.emplace_back("redacted");
  if (!options.filters.languages.empty()) columns.emplace_back("language");
  if (options.filters.exclude_toxic) {
    columns.emplace_back("toxic");
    columns.emplace_back("openai_moderation");
  }
  if (options.field.empty()) {
    columns.insert(columns.end(), kPromptColumns.begin(), kPromptColumns.end());
    columns.insert(columns.end(), kInputColumns.begin(), kInputColumns.end());
  } else {
    columns.push_back(options.field);
  }
  for (std::string& column : rows::context_columns()) columns.push_back(std::move(column));
  return columns;
}

PromptRecord read_record(const Json& row, const PromptOptions& options, const std::string& where) {
  Json messages = conversation(row, options.field, where);
  rows::refuse_media(row, where);
  PromptRecord record;
  record.template_variables = rows::template_variables(row, where);
  // An empty list has nothing to call, but templates would still mention tools.
  if (record.template_variables.value("tools", Json()) == Json::array()) {
    record.template_variables.erase("tools");
  }
  record.id = own_id(row);
  record.user_turns = std::ranges::count_if(messages, is_user);
  record.messages = part_to_answer(std::move(messages), options.turns);
  if (const Json* language = find(row, "language"); language != nullptr && language->is_string()) {
    record.language = language->get<std::string>();
  }
  record.redacted = flag(row, "redacted");
  record.toxic = flag(row, "toxic");
  if (!record.toxic) record.toxic = any_flagged(row);
  return record;
}

}  // namespace retmask::synthesize
