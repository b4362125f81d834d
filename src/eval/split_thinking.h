#pragma once
// Thinking of reasoning models, written before the answer: <think>...</think>.

#include <string>
#include <string_view>

namespace retmask::eval {

struct ThoughtAnswer {
  std::string thinking = {};  // without its tags; empty if there is none
  std::string answer = {};
};

// Splits an output at the last </think>, as HELMET does; without one, all of it is the answer.
ThoughtAnswer split_thinking(std::string_view output);

}  // namespace retmask::eval
