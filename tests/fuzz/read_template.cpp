#include <vector>

#include "harnesses.h"
#include "retmask/base/error.h"
#include "retmask/base/json.h"
#include "retmask/tokenizer/chat_template.h"

namespace retmask::fuzz {
namespace {

std::vector<Json> conversations() {
  return {Json::parse(R"([{"role": "user", "content": "Grüße 🪐"}])"),
          Json::parse(R"([{"role": "system", "content": ""},
                          {"role": "user", "content": [{"type": "text", "text": "a"}]},
                          {"role": "assistant", "content": "x", "reasoning_content": "why",
                           "tool_calls": [{"type": "function", "function":
                             {"name": "f", "arguments": {"n": [1, 2.5, null, true]}}}]},
                          {"role": "tool", "content": "{}"}])")};
}

}  // namespace

void read_template(std::string_view bytes) {
  static const std::vector<Json> kConversations = conversations();
  const ChatTemplate chat_template(std::string(bytes), "<s>", "</s>");
  for (const Json& messages : kConversations) {
    for (const bool generation : {false, true}) {
      try {
        chat_template.render(
            messages,
            {.add_generation_prompt = generation, .variables = {{"enable_thinking", generation}}});
      } catch (const UserError&) {
      }
    }
  }
}

}  // namespace retmask::fuzz
