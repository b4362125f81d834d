#include "retmask/tokenizer/token_spans.h"

#include <algorithm>
#include <string>

#include "retmask/base/error.h"
#include "unicode.h"
#include "utf8.h"

namespace retmask {
namespace {

// The text behind `at` as far as a normalizer may have composed it into one character: marks that
// follow a letter, vowels and finals of Hangul.
size_t end_of_composition(std::string_view text, size_t at) {
  text::next_code_point(text, at);
  while (at < text.size()) {
    size_t next = at;
    const char32_t c = text::next_code_point(text, next);
    const bool is_jamo = c >= 0x1160 && c <= 0x11FF;
    if (!is_jamo && !text::is_mark(c)) break;
    at = next;
  }
  return at;
}

// Walks through a text by the texts of its tokens.
class Alignment {
 public:
  explicit Alignment(std::string_view text) : text_(text) {}

  // A character of the first token that is not in the text: the space that sentencepiece, or
  // ByteLevel, puts before it.
  void skip_added_space() { skips_space_ = true; }

  TokenSpan add(std::string_view token) {
    TokenSpan span{at_, at_};
    for (size_t i = 0; i < token.size(); ++i) {
      if (waiting_ == 0) next_character(token[i]);
      --waiting_;
      if (i == 0) span.begin = current_.begin;
      span.end = current_.end;
    }
    return span;
  }

  bool is_complete() const { return !failed_ && at_ == text_.size() && waiting_ == 0; }

 private:
  void next_character(char first) {
    waiting_ = text::utf8_size(static_cast<unsigned char>(first));
    if (skips_space_ || at_ == text_.size()) {
      failed_ = failed_ || !skips_space_;
      skips_space_ = false;
      current_ = {at_, at_};
      return;
    }
    const bool is_same = text_[at_] == first;
    size_t end = at_;
    text::next_code_point(text_, end);
    current_ = {at_, is_same ? end : end_of_composition(text_, at_)};
    at_ = current_.end;
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t waiting_ = 0;  // bytes of the current character that are still to come
  TokenSpan current_;   // of that character
  bool skips_space_ = false;
  bool failed_ = false;
};

// Without the white space around it, as ByteLevel's post-processor with trim_offsets has it.
TokenSpan trimmed(std::string_view text, TokenSpan span) {
  while (span.begin < span.end) {
    size_t next = span.begin;
    if (!text::is_white_space(text::next_code_point(text, next))) break;
    span.begin = next;
  }
  while (span.end > span.begin) {
    size_t before = span.end;
    if (!text::is_white_space(text::previous_code_point(text, before))) break;
    span.end = before;
  }
  return span;
}

}  // namespace

std::vector<TokenSpan> token_spans(const Tokenizer& tokenizer, std::string_view text) {
  const std::vector<int64_t> ids = tokenizer.encode(text, /*add_special_tokens=*/true);
  const std::vector<int64_t> own = tokenizer.encode(text, /*add_special_tokens=*/false);
  const auto begin = std::search(ids.begin(), ids.end(), own.begin(), own.end());
  RETMASK_CHECK(begin != ids.end() || own.empty());
  std::vector<std::string> texts;
  size_t size = 0;
  for (const int64_t id : own) {
    texts.push_back(tokenizer.token_text(id));
    size += texts.back().size();
  }
  Alignment alignment(text);
  const bool has_space = !texts.empty() && texts.front().starts_with(' ');
  if (has_space && (size == text.size() + 1 || !text.starts_with(' '))) {
    alignment.skip_added_space();
  }
  std::vector<TokenSpan> spans(ids.size());
  auto place = spans.begin() + (begin - ids.begin());
  for (const std::string& token : texts) {
    const TokenSpan span = alignment.add(token);
    *place++ = tokenizer.trims_spans() ? trimmed(text, span) : span;
  }
  if (!alignment.is_complete()) {
    user_error(
        "the tokens of a text cannot be found in it: the tokenizer changes the text in a way "
        "that is not supported here");
  }
  return spans;
}

}  // namespace retmask
