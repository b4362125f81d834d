#include "retmask/tokenizer/stop_strings.h"

#include <algorithm>

#include "retmask/base/error.h"
#include "utf8.h"

namespace retmask {
namespace {

constexpr size_t kFewTokens = 16;
// Decoding from the middle of a text may change its start: sentencepiece strips a space.
constexpr size_t kChangedStart = 4;

}  // namespace

StopStrings::StopStrings(const Tokenizer& tokenizer, std::vector<std::string> texts)
    : tokenizer_(tokenizer) {
  with_special_tokens_.skips_special_tokens = false;
  for (std::string& text : texts) {
    const auto ids = tokenizer_.encode(text, /*add_special_tokens=*/false);
    const bool special =
        std::ranges::any_of(ids, [&](int64_t id) { return tokenizer_.is_special(id); });
    (special ? with_special_tokens_ : plain_).add(std::move(text));
  }
}

void StopStrings::Group::add(std::string text) {
  longest = std::max(longest, text.size());
  texts.push_back(std::move(text));
}

size_t StopStrings::Group::find_in(const std::string& text) const {
  size_t first = std::string::npos;
  for (const std::string& stop : texts) first = std::min(first, text.find(stop));
  return first;
}

bool StopStrings::Group::contained_in(const std::string& text) const {
  return find_in(text) != std::string::npos;
}

bool StopStrings::end_with(std::span<const int64_t> tokens) const {
  return end_with(plain_, tokens) || end_with(with_special_tokens_, tokens);
}

// A new stop string ends inside the text of the last token, so it is visible in the text of the
// last few tokens. A U+FFFD there may be half a character whose rest is in an earlier or a later
// token (with sentencepiece byte tokens the whole run is then unreadable). In that case more tokens
// are decoded, in the worst case all of them.
bool StopStrings::end_with(const Group& group, std::span<const int64_t> tokens) const {
  if (group.texts.empty()) return false;
  const auto decode = [&](std::span<const int64_t> some) {
    return tokenizer_.decode(some, group.skips_special_tokens);
  };
  for (size_t count = kFewTokens; count < tokens.size(); count *= 2) {
    const auto few = tokens.last(count);
    const std::string before = decode(few.first(count - 1));
    if (before.size() < group.longest + kChangedStart) continue;
    const std::string text = decode(few);
    if (text.find("\uFFFD") != std::string::npos) continue;
    return group.contained_in(text) && group.contained_in(decode(tokens));
  }
  return group.contained_in(decode(tokens));
}

std::string StopStrings::text_before(std::span<const int64_t> tokens) const {
  const auto decode = [&](size_t count, bool skip) {
    return tokenizer_.decode(tokens.first(count), skip);
  };
  std::string text;
  const std::string whole = with_special_tokens_.texts.empty() ? "" : decode(tokens.size(), false);
  const size_t end = with_special_tokens_.find_in(whole);
  if (end == std::string::npos) {
    text = decode(tokens.size(), true);
  } else {
    // The tokens that end before the stop string, plus the part of the next one that precedes it.
    size_t count = tokens.size();
    while (count > 0 && decode(count, false).size() > end) --count;
    const size_t done = decode(count, false).size();
    text = decode(count, true) + whole.substr(done, end - done);
  }
  text.resize(std::min(text.size(), plain_.find_in(text)));
  return text;
}

void check_stop_strings(const std::vector<std::string>& texts, const std::string& flag) {
  for (const std::string& text : texts) {
    if (text.empty()) user_error(flag, " is empty, expected a stop string");
    if (text::find_invalid_utf8(text) != std::string::npos)
      user_error(flag, " is not valid UTF-8, expected a stop string");
  }
}

}  // namespace retmask
