#include "retmask/tokenizer/thinking_tags.h"

namespace retmask {

bool opens_thinking(std::string_view prompt) {
  return prompt.substr(0, prompt.find_last_not_of(" \t\r\n") + 1).ends_with(kThinkOpen);
}

}  // namespace retmask
