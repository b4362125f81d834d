#include "thinking_rule.h"

#include "retmask/base/error.h"
#include "retmask/base/utf8.h"
#include "thinking_watch.h"

namespace retmask::eval {
namespace {

std::shared_ptr<const StopStrings> stop_strings(const Tokenizer& tokenizer,
                                                const std::vector<std::string>& texts) {
  if (texts.empty()) return nullptr;
  return std::make_shared<const StopStrings>(tokenizer, texts);
}

}  // namespace

ThinkingRule::ThinkingRule(const Tokenizer& tokenizer, const ThinkingOptions& options)
    : tokenizer_(tokenizer), options_(options), extra_tokens_(options.extra_tokens(tokenizer)) {
  options.validate();
  if (extra_tokens_ > 0) end_tokens_ = end_of_thinking(tokenizer);
}

void ThinkingRule::apply(const AnswerLimits& limits, GenerationRequest& request) const {
  RETMASK_CHECK(request.continuations.size() == 1);
  request.max_new_tokens = most_new_tokens(limits.max_new_tokens);
  const auto stop = stop_strings(tokenizer_, limits.stop);
  if (!options_.is_on()) {
    if (stop == nullptr) return;
    request.stop_rule = [stop](std::span<const int64_t> tokens) { return stop->end_with(tokens); };
    return;
  }
  const auto watch = std::make_shared<ThinkingWatch>(
      tokenizer_,
      ThinkingWatch::Options{
          .is_open = limits.opens_thinking, .budget = options_.budget, .end_tokens = end_tokens_});
  const auto most = static_cast<size_t>(limits.max_new_tokens);
  request.stop_rule = [watch, stop, most](std::span<const int64_t> tokens) {
    const auto begin = watch->answer(tokens);
    if (!begin) return false;
    if (tokens.size() - begin->first >= most) return true;
    return stop != nullptr && begin->text < tokens.size() &&
           stop->end_with(tokens.subspan(begin->text));
  };
  if (options_.budget == 0) return;
  request.token_forcer = [watch](std::span<const int64_t> tokens) { return watch->forced(tokens); };
}

std::string ThinkingRule::answer_text(const AnswerLimits& limits,
                                      std::span<const int64_t> tokens) const {
  const auto stop = stop_strings(tokenizer_, limits.stop);
  if (stop != nullptr) return stop->text_before(tokens);
  return tokenizer_.decode(tokens, /*skip_special_tokens=*/true);
}

ThoughtAnswer ThinkingRule::read(const AnswerLimits& limits,
                                 std::span<const int64_t> tokens) const {
  if (!options_.is_on()) return split_thinking(answer_text(limits, tokens));
  ThinkingWatch watch(tokenizer_, {.is_open = limits.opens_thinking});
  if (watch.is_thinking(tokens)) {
    return {.thinking = without_open_tag(tokenizer_.decode(tokens, /*skip_special_tokens=*/true)),
            .is_unended = true};
  }
  const auto begin = watch.answer(tokens);
  if (!begin || begin->first == 0) return split_thinking(answer_text(limits, tokens));
  // The tags may be special tokens.
  ThoughtAnswer split =
      split_thinking(tokenizer_.decode(tokens.first(begin->first), /*skip_special_tokens=*/false) +
                     tokenizer_.decode(tokens.subspan(begin->first), /*skip_special_tokens=*/true));
  split.answer = text_before_stop(split.answer, limits.stop);
  return split;
}

void ThinkingRule::add_to_row(const ThoughtAnswer& answer, Json& row) const {
  if (!options_.is_on() && answer.thinking.empty()) return;
  row["thinking"] = lossy_utf8(answer.thinking);
  if (options_.is_on()) row["unended_thinking"] = answer.is_unended;
}

}  // namespace retmask::eval
