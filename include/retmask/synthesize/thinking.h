#pragma once
// Reasoning models write their thinking before the answer: <think>...</think>.

#include <filesystem>
#include <string>

#include "retmask/base/json.h"
#include "retmask/synthesize/answers.h"

namespace retmask::synthesize {

enum class Thinking {
  keep,   // the answer is all that the model wrote
  strip,  // cut off after synthesis; the journal keeps it
  off,    // switched off in the chat template: enable_thinking is false
};
// Throws UserError.
Thinking parse_thinking(const std::string& text);

// Leaves what follows the last </think>, without the line breaks before it, as Qwen3's template
// cuts earlier turns. Thinking that never ended leaves an empty text and sets unended_thinking. An
// answer without thinking stays as it is. `opened_by_prompt`: see below.
void strip_thinking(bool opened_by_prompt, Answer& answer);

// What a model wrote whose server has taken the thinking out of the text: "<think>", the thinking,
// "</think>", an empty line, the text; without a text thinking that never ended. A text that has
// its thinking still in it stays as it is.
std::string with_thinking(const std::string& reasoning, const std::string& text);

// Whether the checkpoint's template itself writes <think> where the assistant begins (Olmo-3-Think,
// DeepSeek-R1), so that an answer without </think> is nothing but thinking. Throws UserError.
bool prompt_opens_thinking(const std::filesystem::path& model, const Json& template_variables);

// Throws UserError when the checkpoint's template does not look at enable_thinking.
void check_thinking_can_be_off(const std::filesystem::path& model);

}  // namespace retmask::synthesize
