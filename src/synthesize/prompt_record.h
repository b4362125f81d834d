#pragma once
// One row of a prompt file -> the messages to answer and the row's own id.

#include <optional>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::synthesize {

// Every column that the functions below look at.
std::vector<std::string> known_columns(const std::string& prompt_field);

// The row's system message, if any, and its first user turn; nothing when it has no user turn with
// text. `prompt_field` as in PromptOptions. Throws UserError naming `where`.
std::optional<Json> first_turn(const Json& row,
                               const std::string& prompt_field,
                               const std::string& where);

// Empty when the row has none.
std::string own_id(const Json& row);

// The row's "redacted" flag.
bool is_redacted(const Json& row);

}  // namespace retmask::synthesize
