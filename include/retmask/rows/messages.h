#pragma once
// Converts the conversation formats of data sets into the message list that chat templates take.

#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::rows {

// Message fields kept in addition to "role" and "content".
enum class MessageFields {
  // Fields that templates read: "name", "tool_calls", "tool_call_id" and the reasoning. Others
  // (WildChat's time and country of each message) are not part of the prompt.
  known,
  all,  // as TRL passes them to the template
};

// Converts a list of messages, {"role", "content"} as in OpenAI's API or {"from", "value"} as in
// ShareGPT, or the JSON text of such a list. Role names of ShareGPT's descendants are mapped to the
// standard ones, ignoring case: "human", "prompter" are "user", "gpt", "bing", "model" are
// "assistant", "observation" is "tool", and "function_call" is an assistant message with
// "tool_calls". Multi-part content becomes the text of its parts. Throws UserError naming `where`
// and the problem: an unknown role, a message without content, a part that is not text.
Json standard_messages(const Json& value,
                       const std::string& column,
                       const std::string& where,
                       MessageFields fields);

// Converts a single message.
Json standard_message(const Json& item,
                      const std::string& column,
                      const std::string& where,
                      MessageFields fields);

// Whether `value` is a list of messages or the JSON text of one.
bool holds_messages(const Json& value);

// The text of "system", "system_prompt" or "system_message" of a row, whichever is set, or "".
// Throws UserError naming `where` when it is not text or two of them differ.
std::string system_text(const Json& row, const std::string& where);
// "history": turns that precede the row's own, [[question, answer], ...] as in Alpaca's
// descendants, or messages. Empty if absent.
Json history_messages(const Json& row, const std::string& where, MessageFields fields);
// Prepends the system text and the history to `messages`. A system message already in `messages`
// must be identical, otherwise UserError.
Json with_context(const Json& row, Json messages, const std::string& where, MessageFields fields);

// Columns of a row that belong to its prompt in addition to the messages themselves.
std::vector<std::string> context_columns();

// Variables that the row passes to the chat template: "tools" (a list, or its JSON text as in TRL)
// and the entries of "chat_template_kwargs" (an object or its JSON text).
Json template_variables(const Json& row, const std::string& where);

// Throws UserError when a column has images, audio or video, which are not supported.
void refuse_media(const Json& row, const std::string& where);

}  // namespace retmask::rows
