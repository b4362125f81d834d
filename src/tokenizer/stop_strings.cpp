#include "retmask/tokenizer/stop_strings.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "utf8.h"

namespace retmask {
namespace {

constexpr size_t kFewTokens = 16;
// What decoding from the middle of a text may change at its start: a space that sentencepiece
// strips.
constexpr size_t kChangedStart = 4;

}  // namespace

StopStrings::StopStrings(const Tokenizer& tokenizer, std::vector<std::string> texts)
    : tokenizer_(tokenizer), texts_(std::move(texts)) {
  for (const std::string& text : texts_) longest_ = std::max(longest_, text.size());
}

// A new stop string ends with what the last token adds, so that the text of the last few tokens
// shows it. U+FFFD in it may be half a character: of the token before these, or one that a later
// token completes (and byte tokens of sentencepiece are then unreadable all along the run). Then
// more tokens are needed, at worst all of them.
bool StopStrings::end_with(std::span<const int64_t> tokens) const {
  if (texts_.empty()) return false;
  for (size_t count = kFewTokens; count < tokens.size(); count *= 2) {
    const auto few = tokens.last(count);
    const std::string before = decode(few.first(count - 1));
    if (before.size() < longest_ + kChangedStart) continue;
    const std::string text = decode(few);
    if (text.find("\uFFFD") != std::string::npos) continue;
    return contained_in(text) && contained_in(decode(tokens));
  }
  return contained_in(decode(tokens));
}

std::string StopStrings::cut(std::string text) const {
  size_t end = text.size();
  for (const std::string& stop : texts_) end = std::min(end, text.find(stop));
  text.resize(end);
  return text;
}

std::string StopStrings::decode(std::span<const int64_t> tokens) const {
  return tokenizer_.decode(tokens, /*skip_special_tokens=*/true);
}

bool StopStrings::contained_in(const std::string& text) const {
  return std::ranges::any_of(
      texts_, [&](const std::string& stop) { return text.find(stop) != std::string::npos; });
}

void check_stop_strings(const std::vector<std::string>& texts, const std::string& flag) {
  for (const std::string& text : texts) {
    if (text.empty()) user_error(flag, " is empty, expected a text at which answers end");
    if (text::find_invalid_utf8(text) != std::string::npos)
      user_error(flag, " is no valid UTF-8; expected a text at which answers end");
  }
}

}  // namespace retmask
