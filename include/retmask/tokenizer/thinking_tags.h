#pragma once
// Tags around the thinking of reasoning models, written before the answer: <think>...</think>.

#include <string_view>

namespace retmask {

inline constexpr std::string_view kThinkOpen = "<think>";
inline constexpr std::string_view kThinkClose = "</think>";

// Whether a prompt ends with <think> (Olmo-3-Think, DeepSeek-R1), white space aside: the answer to
// it begins inside the thinking.
bool opens_thinking(std::string_view prompt);

}  // namespace retmask
