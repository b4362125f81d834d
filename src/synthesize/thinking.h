#pragma once
// Thinking of reasoning models, written before the answer: <think>...</think>.

#include <filesystem>
#include <string>

#include "retmask/base/json.h"
#include "retmask/synthesize/answers.h"

namespace retmask::synthesize {

// Keeps the text after the last </think>, without leading line breaks, as Qwen3's template does for
// earlier turns. Thinking that never ended leaves an empty text and sets unended_thinking. An
// answer without thinking is unchanged. `opened_by_prompt`: see prompt_opens_thinking().
void strip_thinking(bool opened_by_prompt, Answer& answer);

// Restores the model's output from a server that separates the thinking: "<think>", the thinking,
// "</think>", an empty line, the text. If the text is empty, the thinking is left open. A text that
// still contains its thinking is unchanged.
std::string with_thinking(const std::string& reasoning, const std::string& text);

// True if the checkpoint's generation prompt ends with <think> (Olmo-3-Think, DeepSeek-R1), so that
// an answer without </think> is all thinking. Throws UserError.
bool prompt_opens_thinking(const std::filesystem::path& model, const Json& template_variables);

// Throws UserError if the checkpoint's template does not use enable_thinking.
void check_thinking_can_be_off(const std::filesystem::path& model);

}  // namespace retmask::synthesize
