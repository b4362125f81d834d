#include "helmet_truncate.h"

#include "retmask/base/error.h"
#include "retmask/tokenizer/token_spans.h"

namespace retmask::eval::helmet {
namespace {

constexpr const char* kOmitted = " ... [the rest of the text is omitted]";

}  // namespace

std::optional<std::string> cut_documents(const Tokenizer& llama2,
                                         const std::string& context,
                                         int64_t max_tokens) {
  const auto count = [&](const std::string& text) {
    return static_cast<int64_t>(llama2.encode(text, /*add_special_tokens=*/true).size());
  };
  if (count(context) <= max_tokens) return {};
  const int64_t last = max_tokens - count(kOmitted);
  if (last < 0)
    user_error("a text of ", max_tokens, " tokens of Llama 2 has no room for its last words");
  const std::vector<TokenSpan> spans = token_spans(llama2, context);
  return context.substr(0, spans[static_cast<size_t>(last)].end) + kOmitted;
}

FittedPrompt fit_prompt(const Tokenizer& tokenizer, const PromptToFit& prompt) {
  const auto fitted = [&](const std::string& context) {
    FittedPrompt result{.text = prompt.render(context), .context = context};
    result.tokens = tokenizer.encode(result.text, /*add_special_tokens=*/!prompt.is_chat);
    return result;
  };
  FittedPrompt whole = fitted(prompt.context);
  const int64_t excess = static_cast<int64_t>(whole.tokens.size()) - prompt.limit;
  if (excess <= 0) return whole;
  const std::vector<TokenSpan> spans = token_spans(tokenizer, prompt.context);
  const auto tokens = static_cast<int64_t>(spans.size());
  if (excess > tokens) {
    user_error("the prompt is ",
               excess,
               " tokens too long, but its context has only ",
               tokens,
               "; use larger --lengths");
  }
  FittedPrompt cut =
      fitted(prompt.context.substr(0, spans[static_cast<size_t>(tokens - excess)].begin));
  cut.dropped = excess;
  return cut;
}

}  // namespace retmask::eval::helmet
