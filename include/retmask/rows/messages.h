#pragma once
// What data sets call a conversation, as the list of messages that chat templates take.

#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::rows {

// Which fields of a message stay beside "role" and "content".
enum class MessageFields {
  // Those that templates read: "name", "tool_calls", "tool_call_id" and the reasoning. Others
  // (WildChat's time and country of each message) are no part of the prompt.
  known,
  all,  // as TRL hands them to the template
};

// A list of messages, {"role", "content"} as in OpenAI's API or {"from", "value"} as in ShareGPT,
// or the JSON text of such a list. Role names of ShareGPT's descendants become the standard ones,
// whatever their case: "human", "prompter" are "user", "gpt", "bing", "model" are "assistant",
// "observation" is "tool", and "function_call" is an assistant's message with "tool_calls". A
// content in parts becomes the text of its parts. Throws UserError naming `where` and what is
// wrong: a role that is not known, a message without content, a part that is no text.
Json standard_messages(const Json& value,
                       const std::string& column,
                       const std::string& where,
                       MessageFields fields);

// One of them.
Json standard_message(const Json& item,
                      const std::string& column,
                      const std::string& where,
                      MessageFields fields);

// Whether `value` is a list of messages or the JSON text of one.
bool holds_messages(const Json& value);

// "system", "system_prompt" and "system_message" of a row: the text of that which is set, or "".
// Throws UserError naming `where` when it is no text or two of them differ.
std::string system_text(const Json& row, const std::string& where);
// "history": turns before the row's own, [[question, answer], ...] as in Alpaca's descendants, or
// messages. Empty when it is not there.
Json history_messages(const Json& row, const std::string& where, MessageFields fields);
// Puts the system text and the history in front of `messages`. A system message that the messages
// have must say the same, else UserError.
Json with_context(const Json& row, Json messages, const std::string& where, MessageFields fields);

// Columns of a row that belong to its prompt beside the messages themselves.
std::vector<std::string> context_columns();

// What the row hands to the chat template: "tools" (a list, or its JSON text as TRL has it) and
// the entries of "chat_template_kwargs" (an object or its JSON text).
Json template_variables(const Json& row, const std::string& where);

// Throws UserError when a column has images, sound or video, which are not read.
void refuse_media(const Json& row, const std::string& where);

}  // namespace retmask::rows
