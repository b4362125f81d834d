#pragma once
// The thinking in the output of a reasoning model, apart from its answer.

#include <string>
#include <string_view>
#include <vector>

namespace retmask::eval {

struct ThoughtAnswer {
  std::string thinking = {};  // without its tags; empty if there is none
  std::string answer = {};
  bool is_unended = false;  // the thinking did not end: the answer is empty
};

// Splits an output at the last </think>, as HELMET does; without one, all of it is the answer.
ThoughtAnswer split_thinking(std::string_view output);

// A thinking without the <think> that begins it and the white space around it.
std::string without_open_tag(std::string_view thinking);

std::string text_before_stop(const std::string& text, const std::vector<std::string>& stops);

}  // namespace retmask::eval
