#include "prompt_rows.h"

#include <algorithm>
#include <array>
#include <set>

#include "retmask/base/error.h"
#include "retmask/base/file.h"
#include "retmask/rows/messages.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

constexpr const char* kWhat = "prompt file";
constexpr const char* kKinds = ".jsonl, .jsonl.gz, .json, .json.gz or .parquet";
constexpr std::array<std::string_view, 5> kEndings = {
    ".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet"};
// Metadata files written next to the data by the datasets library.
constexpr std::array<std::string_view, 4> kDescriptions = {
    "dataset_infos.json", "dataset_info.json", "dataset_dict.json", "state.json"};

bool is_prompt_file(const fs::path& path) {
  const std::string name = path.filename().string();
  return std::ranges::any_of(kEndings,
                             [&](std::string_view ending) { return name.ends_with(ending); });
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

bool is_description(const fs::path& path) {
  return std::ranges::find(kDescriptions, path.filename().string()) != kDescriptions.end();
}

std::vector<fs::path> prompt_files_in(const fs::path& dir) {
  std::vector<fs::path> files;
  const fs::recursive_directory_iterator end;
  for (fs::recursive_directory_iterator entry(dir); entry != end; ++entry) {
    const fs::path& path = entry->path();
    if (is_hidden(path)) {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file() && is_prompt_file(path) && !is_description(path)) {
      files.push_back(path);
    }
  }
  std::ranges::sort(files);
  return files;
}

// The same rows twice would give duplicate ids.
void check_no_file_twice(const std::vector<fs::path>& files) {
  std::set<fs::path> seen;
  for (const fs::path& file : files) {
    std::error_code error;
    const fs::path canonical = fs::canonical(file, error);  // standard input may have no name
    if (!seen.insert(error ? file : canonical).second)
      user_error(kWhat, " ", file, " is given twice");
  }
}

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

// Nothing if the row has no such column. Another value than true or false is a UserError where a
// filter needs to know it, and otherwise nothing.
std::optional<bool> flag(const Json& row,
                         const std::string& column,
                         bool is_needed,
                         const std::string& where) {
  const Json* value = find(row, column);
  if (value == nullptr || (!value->is_boolean() && !is_needed)) return std::nullopt;
  return json_get<bool>(row, column, where);
}

// LMSYS-Chat-1M has one moderation object per message: [{"categories", "category_scores",
// "flagged"}].
std::optional<bool> any_flagged(const Json& row, bool is_needed, const std::string& where) {
  const Json* moderation = find(row, "openai_moderation");
  if (moderation == nullptr || !moderation->is_array()) return std::nullopt;
  std::optional<bool> any;
  for (const Json& message : *moderation) {
    if (!message.is_object()) continue;
    if (const std::optional<bool> flagged =
            flag(message, "flagged", is_needed, where + ": openai_moderation")) {
      any = any.value_or(false) || *flagged;
    }
  }
  return any;
}

std::string lower_case(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return text;
}

[[noreturn]] void field_is_missing(const std::string& option,
                                   const std::string& field,
                                   int64_t rows) {
  user_error(option, ": none of the ", rows, " rows of --prompts has the field ", field);
}

}  // namespace

std::vector<fs::path> expand_folders(const std::vector<fs::path>& paths) {
  std::vector<fs::path> files;
  for (const fs::path& path : paths) {
    std::error_code error;
    if (!fs::exists(path, error)) user_error(kWhat, " ", path, " does not exist");
    if (!fs::is_directory(path, error)) {
      files.push_back(path);
      continue;
    }
    const std::vector<fs::path> inside = prompt_files_in(path);
    if (inside.empty()) {
      user_error("folder ", path, " holds no ", kKinds, " file");
    }
    files.insert(files.end(), inside.begin(), inside.end());
  }
  check_no_file_twice(files);
  return files;
}

void for_each_prompt_row(const fs::path& file,
                         const std::vector<std::string>& columns,
                         const rows::RowVisitor& visit) {
  if (!is_prompt_file(file) && !descriptor_of(file)) {
    user_error(kWhat, " ", file, " has an unknown extension; expected ", kKinds);
  }
  rows::for_each_row({.path = file,
                      .what = kWhat,
                      .columns = columns,
                      .hint = "--prompt-field names the one with the prompts"},
                     visit);
}

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
  const PromptFilters& filters = options.filters;
  record.redacted = flag(row, "redacted", filters.exclude_redacted, where);
  record.toxic = flag(row, "toxic", filters.exclude_toxic, where);
  if (!record.toxic) record.toxic = any_flagged(row, filters.exclude_toxic, where);
  return record;
}

bool RecordFilter::is_wanted_language(const PromptRecord& record) const {
  if (filters_.languages.empty()) return true;
  if (!record.language) return false;
  return std::ranges::any_of(filters_.languages, [&](const std::string& language) {
    return lower_case(language) == lower_case(*record.language);
  });
}

std::optional<SkipReason> RecordFilter::look_at(const PromptRecord& record) {
  saw_language_ = saw_language_ || record.language.has_value();
  saw_redacted_ = saw_redacted_ || record.redacted.has_value();
  saw_toxic_ = saw_toxic_ || record.toxic.has_value();
  if (!record.messages) return SkipReason::blank;
  if (!is_wanted_language(record)) return SkipReason::language;
  if (filters_.exclude_redacted && record.redacted.value_or(false)) return SkipReason::redacted;
  if (filters_.exclude_toxic && record.toxic.value_or(false)) return SkipReason::toxic;
  const bool too_few = record.user_turns < filters_.min_turns;
  const bool too_many = filters_.max_turns > 0 && record.user_turns > filters_.max_turns;
  if (too_few || too_many) return SkipReason::turns;
  return std::nullopt;
}

void RecordFilter::check_fields(int64_t rows) const {
  if (!filters_.languages.empty() && !saw_language_) {
    field_is_missing("--language", "\"language\"", rows);
  }
  if (filters_.exclude_redacted && !saw_redacted_) {
    field_is_missing("--exclude-redacted", "\"redacted\"", rows);
  }
  if (filters_.exclude_toxic && !saw_toxic_) {
    field_is_missing("--exclude-toxic", "\"toxic\" or \"openai_moderation\"", rows);
  }
}

}  // namespace retmask::synthesize
