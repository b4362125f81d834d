#include "split_thinking.h"

#include <algorithm>

#include "retmask/jinja/unicode.h"
#include "retmask/metrics/helmet_answers.h"
#include "retmask/tokenizer/thinking_tags.h"

namespace retmask::eval {

std::string without_open_tag(std::string_view thinking) {
  std::string_view text = jinja::strip_spaces(thinking, /*left=*/true, /*right=*/true);
  if (text.starts_with(kThinkOpen)) text.remove_prefix(kThinkOpen.size());
  return std::string(jinja::strip_spaces(text, /*left=*/true, /*right=*/true));
}

ThoughtAnswer split_thinking(std::string_view output) {
  const size_t close = output.rfind(kThinkClose);
  ThoughtAnswer split{.answer = metrics::after_thinking(output)};
  if (close != std::string_view::npos) split.thinking = without_open_tag(output.substr(0, close));
  return split;
}

std::string text_before_stop(const std::string& text, const std::vector<std::string>& stops) {
  size_t end = text.size();
  for (const std::string& stop : stops) end = std::min(end, text.find(stop));
  return text.substr(0, end);
}

}  // namespace retmask::eval
