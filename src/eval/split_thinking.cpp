#include "thinking.h"

#include "retmask/jinja/unicode.h"
#include "retmask/metrics/helmet_answers.h"

namespace retmask::eval {

ThoughtAnswer split_thinking(std::string_view output) {
  constexpr std::string_view kOpen = "<think>";
  constexpr std::string_view kClose = "</think>";
  const size_t close = output.rfind(kClose);
  ThoughtAnswer split{.answer = metrics::after_thinking(output)};
  if (close == std::string_view::npos) return split;
  std::string_view thinking =
      jinja::strip_spaces(output.substr(0, close), /*left=*/true, /*right=*/true);
  if (thinking.starts_with(kOpen)) thinking.remove_prefix(kOpen.size());
  split.thinking = jinja::strip_spaces(thinking, /*left=*/true, /*right=*/true);
  return split;
}

}  // namespace retmask::eval
