#include "thinking_watch.h"

#include "retmask/jinja/unicode.h"
#include "retmask/tokenizer/thinking_tags.h"

namespace retmask::eval {

ThinkingWatch::ThinkingWatch(const Tokenizer& tokenizer, Options options)
    : tokenizer_(tokenizer),
      options_(std::move(options)),
      close_(tokenizer, {std::string(kThinkClose)}),
      state_(options_.is_open ? State::thinking : State::unknown) {}

ThinkingWatch::State ThinkingWatch::state_at_start(std::span<const int64_t> tokens) const {
  const std::string whole = tokenizer_.decode(tokens, /*skip_special_tokens=*/false);
  const std::string_view text = jinja::strip_spaces(whole, /*left=*/true, /*right=*/false);
  if (text.starts_with(kThinkOpen)) return State::thinking;
  return kThinkOpen.starts_with(text) ? State::unknown : State::none;
}

void ThinkingWatch::read_newest(std::span<const int64_t> tokens) {
  if (state_ == State::unknown) state_ = state_at_start(tokens);
  if (state_ == State::thinking) {
    // A forced end is one thing: the answer begins behind all of it.
    const bool ends = forced_from_ ? tokens.size() == *forced_from_ + options_.end_tokens.size()
                                   : close_.end_with(tokens);
    if (!ends) return;
    state_ = State::ended;
    end_ = tokens.size();
    return;
  }
  if (state_ != State::ended || text_begin_) return;
  const std::string newest = tokenizer_.decode(tokens.last(1), /*skip_special_tokens=*/true);
  if (!jinja::strip_spaces(newest, /*left=*/true, /*right=*/true).empty()) {
    text_begin_ = tokens.size() - 1;
  }
}

void ThinkingWatch::read(std::span<const int64_t> tokens) {
  if (tokens.size() < num_read_) {  // started again
    num_read_ = 0;
    state_ = options_.is_open ? State::thinking : State::unknown;
    forced_from_.reset();
    end_ = 0;
    text_begin_.reset();
  }
  while (num_read_ < tokens.size()) read_newest(tokens.first(++num_read_));
}

std::optional<int64_t> ThinkingWatch::forced(std::span<const int64_t> tokens) {
  read(tokens);
  if (options_.budget == 0 || state_ != State::thinking) return std::nullopt;
  if (!forced_from_ && static_cast<int64_t>(tokens.size()) >= options_.budget) {
    forced_from_ = tokens.size();
  }
  if (!forced_from_) return std::nullopt;
  return options_.end_tokens[tokens.size() - *forced_from_];
}

std::optional<ThinkingWatch::Begin> ThinkingWatch::answer(std::span<const int64_t> tokens) {
  read(tokens);
  switch (state_) {
    case State::none:
      return Begin{};
    case State::ended:
      return Begin{.first = end_, .text = text_begin_.value_or(tokens.size())};
    case State::unknown:
    case State::thinking:
      break;
  }
  return std::nullopt;
}

bool ThinkingWatch::is_thinking(std::span<const int64_t> tokens) {
  read(tokens);
  return state_ == State::thinking;
}

}  // namespace retmask::eval
