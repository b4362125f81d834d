#pragma once
// The training file as text: TRL's preference and prompt-completion formats, conversational or
// plain.

#include <filesystem>
#include <functional>
#include <string>

#include "retmask/base/json.h"
#include "retmask/train/options.h"

namespace retmask::train {

// A prompt and its answers. Conversational rows have lists of {"role", "content"}, plain rows
// strings.
struct TextRow {
  std::string where;  // "pairs.jsonl:12", for errors
  Json prompt;
  Json chosen;
  Json rejected;  // null for --loss sft
  // Passed to the chat template: the row's "chat_template_kwargs" and "tools", as TRL does.
  Json template_variables = Json::object();

  bool conversational() const { return prompt.is_array(); }
};

// Parses one row. Preference losses need {"prompt", "chosen", "rejected"}, or {"chosen",
// "rejected"}, whose common beginning is the prompt as in TRL's extract_prompt. sft also accepts
// {"prompt", "completion"} and {"messages"}, whose last message is the answer. Messages are read by
// rows::standard_messages; a system prompt and "history" go before the prompt's messages. Throws
// UserError naming `where` and the field.
TextRow parse_row(const Json& row, LossKind loss, const std::string& where);

// Visits each row of a file in any format that rows::for_each_row reads. Throws UserError with file
// and row.
void for_each_row(const std::filesystem::path& path,
                  LossKind loss,
                  const std::function<void(const TextRow& row)>& visit);

}  // namespace retmask::train
