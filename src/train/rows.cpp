#include "retmask/train/rows.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "retmask/base/error.h"
#include "retmask/rows/messages.h"
#include "retmask/rows/row_files.h"

namespace retmask::train {
namespace {

constexpr std::array kOtherPrompts = {"question",
                                      "instruction",
                                      "input",
                                      "query",
                                      "context",
                                      "messages",
                                      "conversation",
                                      "conversations"};

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

// A non-empty text or a non-empty list of messages.
Json read_text(const Json& row, const std::string& key, const std::string& where) {
  const Json& value = row.at(key);
  // LLaMA-Factory's ranking data gives an answer as a single message.
  const Json& given = value.is_object() ? Json::array({value}) : value;
  if (given.is_array() ? given.empty() : given == "") user_error(where, ": \"", key, "\" is empty");
  if (given.is_array() || rows::holds_messages(given)) {
    return rows::standard_messages(given, key, where, rows::MessageFields::all);
  }
  if (!given.is_string()) {
    user_error(where,
               ": \"",
               key,
               "\" is ",
               dump_json_line(given).substr(0, 80),
               ", expected a string or a list of messages");
  }
  return given;
}

// {"messages"}: everything before the last message is the prompt.
void split_messages(const Json& row, const char* column, TextRow& out) {
  const Json messages = read_text(row, column, out.where);
  if (!messages.is_array() || messages.size() < 2 || messages.back()["role"] != "assistant") {
    user_error(out.where,
               ": \"",
               column,
               "\" must be a list of messages that ends with an assistant's answer");
  }
  out.prompt = Json::array();
  for (size_t i = 0; i + 1 < messages.size(); ++i) out.prompt.push_back(messages[i]);
  out.chosen = Json::array({messages.back()});
}

// The messages that both answers begin with are the prompt, as in TRL's extract_prompt; if one is a
// prefix of the other, all but its last message.
void extract_messages(bool has_text_prompt, TextRow& row) {
  const size_t shorter = std::min(row.chosen.size(), row.rejected.size());
  size_t common = 0;
  while (common + 1 < shorter && row.chosen[common] == row.rejected[common]) ++common;
  if (common == 0) {
    user_error(row.where,
               ": \"chosen\" and \"rejected\" begin with different messages, and ",
               has_text_prompt
                   ? "\"prompt\" is text; give it as a list of messages, like the answers"
                   : "there is no \"prompt\"");
  }
  row.prompt = Json::array();
  for (size_t i = 0; i < common; ++i) row.prompt.push_back(row.chosen[i]);
  for (Json* answer : {&row.chosen, &row.rejected}) {
    answer->erase(answer->begin(), answer->begin() + static_cast<Json::difference_type>(common));
  }
}

// The same for plain text. A space before the difference belongs to the answers.
void extract_text(TextRow& row) {
  const auto& chosen = row.chosen.get_ref<const std::string&>();
  const auto& rejected = row.rejected.get_ref<const std::string&>();
  auto common = static_cast<size_t>(
      std::mismatch(chosen.begin(), chosen.end(), rejected.begin(), rejected.end()).first -
      chosen.begin());
  if (common == std::min(chosen.size(), rejected.size())) {
    user_error(
        row.where,
        ": there is no \"prompt\", and one of \"chosen\" and \"rejected\" is a prefix of the "
        "other, so it is unknown where the prompt ends");
  }
  const auto inside_character = [&](size_t at) {
    return (static_cast<unsigned char>(chosen[at]) & 0xC0) == 0x80;
  };
  while (common > 0 && inside_character(common)) --common;
  if (common > 0 && chosen[common - 1] == ' ') --common;
  if (common == 0) {
    user_error(
        row.where,
        ": there is no \"prompt\", and \"chosen\" and \"rejected\" have no common beginning that "
        "could serve as one");
  }
  const std::string prompt = chosen.substr(0, common);
  row.chosen = chosen.substr(common);
  row.rejected = rejected.substr(common);
  row.prompt = prompt;
}

// Prompt columns of other layouts: the common beginning of the answers is not the prompt then.
void refuse_other_prompts(const Json& row, const std::string& where) {
  for (const char* column : kOtherPrompts) {
    if (!has(row, column)) continue;
    user_error(where,
               ": there is no \"prompt\", and \"",
               column,
               "\" is not read next to \"chosen\" and \"rejected\"; rename that column to "
               "\"prompt\"");
  }
}

// Handles rows without a prompt, and rows whose prompt only repeats the question that is already in
// the conversations "chosen" and "rejected" (UltraFeedback).
void extract_prompt(const Json& row, TextRow& out) {
  if (out.chosen.is_array() != out.rejected.is_array()) {
    user_error(out.where,
               ": one answer is a string and the other a list of messages; give both alike");
  }
  if (!out.chosen.is_array()) {
    refuse_other_prompts(row, out.where);
    return extract_text(out);
  }
  extract_messages(has(row, "prompt"), out);
  if (!has(row, "prompt")) return;
  const auto says_prompt = [&](const Json& message) {
    return message.value("content", Json()) == row["prompt"];
  };
  if (std::ranges::none_of(out.prompt, says_prompt)) {
    user_error(out.where,
               ": the text of \"prompt\" is not among the messages that \"chosen\" and "
               "\"rejected\" begin with; give the prompt as a list of messages, or omit it");
  }
}

void check_answers_answer(const TextRow& row) {
  if (!row.conversational()) return;
  for (const auto& [name, answer] :
       {std::pair{"chosen", &row.chosen}, {"rejected", &row.rejected}}) {
    if (answer->is_null()) continue;
    const Json& role = answer->at(0)["role"];
    if (role != "user" && role != "system") continue;
    user_error(row.where,
               ": after the prompt, \"",
               name,
               "\" continues with a message of the ",
               role.get<std::string>(),
               ", expected the assistant's answer");
  }
}

void add_context(const Json& row, TextRow& out) {
  if (out.conversational()) {
    out.prompt =
        rows::with_context(row, std::move(out.prompt), out.where, rows::MessageFields::all);
  } else if (!rows::system_text(row, out.where).empty() ||
             !rows::history_messages(row, out.where, rows::MessageFields::all).empty()) {
    user_error(
        out.where,
        ": the row has a system prompt or a history, which cannot be added to a prompt that is a "
        "string; give the prompt as a list of messages");
  }
}

const char* conversation_column(const Json& row) {
  for (const char* column : {"messages", "conversations", "conversation"}) {
    if (has(row, column)) return column;
  }
  return nullptr;
}

void check_same_kind(const TextRow& row) {
  for (const Json* answer : {&row.chosen, &row.rejected}) {
    if (!answer->is_null() && answer->is_array() != row.conversational()) {
      user_error(row.where,
                 ": the prompt is ",
                 row.conversational() ? "a list of messages" : "a string",
                 " but an answer is not; give all of them in the same form");
    }
  }
}

}  // namespace

TextRow parse_row(const Json& row, LossKind loss, const std::string& where) {
  if (!row.is_object()) user_error(where, ": expected an object, found ", row.dump().substr(0, 80));
  TextRow out;
  out.where = where;
  out.template_variables = rows::template_variables(row, where);
  rows::refuse_media(row, where);
  const bool sft = loss == LossKind::sft;
  if (has(row, "chosen") && has(row, "rejected")) {
    out.chosen = read_text(row, "chosen", where);
    out.rejected = read_text(row, "rejected", where);
    if (has(row, "prompt")) out.prompt = read_text(row, "prompt", where);
    if (!has(row, "prompt") || (out.prompt.is_string() && out.chosen.is_array())) {
      extract_prompt(row, out);
    }
  } else if (sft && has(row, "prompt") && has(row, "chosen")) {
    out.prompt = read_text(row, "prompt", where);
    out.chosen = read_text(row, "chosen", where);
  } else if (sft && has(row, "prompt") && has(row, "completion")) {
    out.prompt = read_text(row, "prompt", where);
    out.chosen = read_text(row, "completion", where);
  } else if (const char* column = sft ? conversation_column(row) : nullptr) {
    split_messages(row, column, out);
  } else {
    wrong_fields(row, loss, where);
  }
  if (sft) out.rejected = nullptr;
  check_same_kind(out);
  check_answers_answer(out);
  add_context(row, out);
  return out;
}

void for_each_row(const std::filesystem::path& path,
                  LossKind loss,
                  const std::function<void(const TextRow&)>& visit) {
  std::vector<std::string> columns = {"prompt", "chosen", "rejected", "completion"};
  columns.insert(columns.end(), kOtherPrompts.begin(), kOtherPrompts.end());
  for (std::string& column : rows::context_columns()) columns.push_back(std::move(column));
  rows::for_each_row({.path = path, .what = "training file", .columns = std::move(columns)},
                     [&](const Json& row, int64_t, const std::string& where) {
                       visit(parse_row(row, loss, where));
                     });
}

}  // namespace retmask::train
