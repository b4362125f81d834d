#include "prompt_record.h"

#include <algorithm>
#include <array>

#include "retmask/base/error.h"

namespace retmask::synthesize {
namespace {

constexpr std::array kPromptColumns = {
    "messages", "conversation", "conversations", "prompt", "turns", "instruction"};
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
      user_error(where, ": there is no \"", prompt_field, "\" (--prompt-field)");
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

// ShareGPT's names of the roles.
std::string standard_role(const std::string& role) {
  if (role == "human") return "user";
  if (role == "gpt") return "assistant";
  return role;
}

// A text, or OpenAI's list of parts when all of them are text.
std::string content_text(const Json& content, const std::string& where) {
  if (content.is_null()) return "";
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array())
    user_error(where, ": a message's content is ", content.type_name(), ", expected text");
  std::string text;
  for (const Json& part : content) {
    if (json_get_or<std::string>(part, "type", "text", where) != "text") {
      user_error(where, ": a message has a part of type ", part["type"], ", expected text alone");
    }
    text += json_get<std::string>(part, "text", where);
  }
  return text;
}

Json message(const std::string& role, const std::string& content) {
  return {{"role", role}, {"content", content}};
}

Json standard_message(const Json& item, const std::string& where) {
  const bool sharegpt = item.contains("from");
  const std::string role = json_get<std::string>(item, sharegpt ? "from" : "role", where);
  const char* content_key = sharegpt ? "value" : "content";
  return message(standard_role(role), content_text(item.value(content_key, Json()), where));
}

// The column's value as a list of messages: a text and a list of texts are user turns.
Json to_messages(const Json& value, const std::string& column, const std::string& where) {
  if (value.is_string()) return Json::array({message("user", value.get<std::string>())});
  if (!value.is_array()) {
    user_error(where,
               ": \"",
               column,
               "\" is ",
               value.type_name(),
               ", expected text or a list of messages");
  }
  Json messages = Json::array();
  for (const Json& item : value) {
    if (item.is_string()) {
      messages.push_back(message("user", item.get<std::string>()));
    } else if (item.is_object()) {
      messages.push_back(standard_message(item, where));
    } else {
      user_error(
          where, ": \"", column, "\" holds ", item.type_name(), ", expected messages or texts");
    }
  }
  return messages;
}

// As Alpaca's own prompt does, the input follows its instruction.
void append_input(const Json& row, Json& messages, const std::string& where) {
  const std::string input = json_get_or<std::string>(row, "input", "", where);
  if (!input.empty())
    messages.at(0)["content"] = messages.at(0)["content"].get<std::string>() + "\n\n" + input;
}

bool is_blank(const std::string& text) {
  return text.find_first_not_of(" \t\r\n\f\v") == std::string::npos;
}

Json conversation(const Json& row, const std::string& prompt_field, const std::string& where) {
  const std::string column = prompt_column(row, prompt_field, where);
  Json messages = to_messages(row[column], column, where);
  if (column == "instruction" && prompt_field.empty()) append_input(row, messages, where);
  return messages;
}

bool is_user(const Json& message) { return message["role"] == "user"; }

// From the first system or user message to the first or the last user turn; nothing when there is
// no user turn or that one has no text. Some conversations of ShareGPT begin with the model.
std::optional<Json> part_to_answer(Json messages, Turns turns) {
  Json part = Json::array();
  size_t end = 0;  // behind the last user turn in `part`
  for (Json& message : messages) {
    const bool begins = end == 0;
    if (begins && !is_user(message) && !(message["role"] == "system" && part.empty())) continue;
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

// LMSYS-Chat-1M moderates each message: [{"categories", "category_scores", "flagged"}].
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
    columns.emplace_back("input");
  } else {
    columns.push_back(options.field);
  }
  return columns;
}

PromptRecord read_record(const Json& row, const PromptOptions& options, const std::string& where) {
  Json messages = conversation(row, options.field, where);
  PromptRecord record;
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
