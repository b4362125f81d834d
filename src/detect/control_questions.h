#pragma once
// The parametric control of --verify: short questions without a context, which a model answers out
// of its weights. A mask that makes it forget those has broken more than retrieval.

#include <span>
#include <string_view>

namespace retmask::detect {

struct ControlQuestion {
  std::string_view question;
  std::string_view answer;  // lower-case; an answer that contains it, in any case, is right
};

// Written for this project; small instruct models (135M parameters) answer most of them.
std::span<const ControlQuestion> control_questions();

bool is_right(const ControlQuestion& question, std::string_view answer);

}  // namespace retmask::detect
