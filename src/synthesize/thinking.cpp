#include "thinking.h"

#include <algorithm>
#include <string_view>

#include "retmask/base/error.h"
#include "retmask/tokenizer/chat_template.h"
#include "retmask/tokenizer/thinking_tags.h"

namespace fs = std::filesystem;

namespace retmask::synthesize {
namespace {

constexpr std::string_view kWhite = " \t\r\n";

std::string_view without_white_start(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(kWhite), text.size()));
}

std::string render_probe(const fs::path& model, const Json& template_variables) {
  const Json messages = Json::array({{{"role", "user"}, {"content", "Hello"}}});
  return ChatTemplate::load(model)->render(
      messages, {.add_generation_prompt = true, .variables = template_variables});
}

}  // namespace

void strip_thinking(bool opened_by_prompt, Answer& answer) {
  if (answer.ending == Ending::prompt_too_long) return;
  const size_t close = answer.text.rfind(kThinkClose);
  if (close != std::string::npos) {
    const size_t begin = answer.text.find_first_not_of('\n', close + kThinkClose.size());
    answer.text.erase(0, std::min(begin, answer.text.size()));
  } else if (opened_by_prompt || without_white_start(answer.text).starts_with(kThinkOpen)) {
    answer.text.clear();
    answer.unended_thinking = true;
  }
}

std::string with_thinking(const std::string& reasoning, const std::string& text) {
  if (reasoning.empty() || text.find(kThinkClose) != std::string::npos) return text;
  const size_t begin = std::min(reasoning.find_first_not_of('\n'), reasoning.size());
  const size_t end = reasoning.find_last_not_of('\n') + 1;
  std::string whole =
      std::string(kThinkOpen) + "\n" + reasoning.substr(begin, std::max(begin, end) - begin);
  if (without_white_start(text).empty()) return whole;
  const size_t text_begin = text.find_first_not_of('\n');
  return whole + "\n" + std::string(kThinkClose) + "\n\n" + text.substr(text_begin);
}

bool prompt_opens_thinking(const fs::path& model, const Json& template_variables) {
  return opens_thinking(render_probe(model, template_variables));
}

void check_thinking_can_be_off(const fs::path& model) {
  const auto render = [&](bool enable) {
    return render_probe(model, {{"enable_thinking", enable}});
  };
  if (render(true) != render(false)) return;
  user_error(
      "--thinking off: the chat template of ",
      model,
      " does not use enable_thinking; give --thinking strip, or the template's own switch with "
      "--template-var");
}

}  // namespace retmask::synthesize
