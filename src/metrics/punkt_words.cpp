#include "retmask/metrics/punkt_words.h"

#include <algorithm>

#include "retmask/jinja/unicode.h"

namespace retmask::metrics::punkt {
namespace {

constexpr std::u32string_view kOutsideWords = U")\";}]*:@'({[?!";
constexpr std::u32string_view kNeverFirst = U"(\"`{[:;&#*@)}]-,";

bool is_one_of(std::u32string_view set, char32_t c) { return set.find(c) != set.npos; }

size_t end_of_repeats(std::u32string_view line, size_t at) {
  return std::min(line.find_first_not_of(line[at], at), line.size());
}

// End of a run of hyphens, of periods, or of periods with single spaces between them, which starts
// at `at`; `at` if there is none: (-{2,}|\.{2,}|(\.\s){2,}\.)
size_t end_of_run(std::u32string_view line, size_t at) {
  if (at == line.size() || (line[at] != U'-' && line[at] != U'.')) return at;
  const size_t end = end_of_repeats(line, at);
  if (end - at >= 2) return end;
  if (line[at] == U'-') return at;
  size_t pairs = 0;
  const auto has_pair = [&](size_t begin) {
    return begin + 1 < line.size() && line[begin] == U'.' && jinja::is_space(line[begin + 1]);
  };
  while (has_pair(at + 2 * pairs)) ++pairs;
  const size_t behind = at + 2 * pairs;
  if (behind == line.size() || line[behind] != U'.') --pairs;  // the last pair's own period
  return pairs >= 2 && pairs < line.size() ? at + 2 * pairs + 1 : at;
}

bool is_end_of_word(std::u32string_view line, size_t at) {
  return at == line.size() || jinja::is_space(line[at]) || is_outside_words(line[at]) ||
         end_of_run(line, at) > at;
}

// End of the token that starts at `at`, where no white space is.
size_t end_of_token(std::u32string_view line, size_t at) {
  const size_t end = end_of_run(line, at);
  if (end > at) return end;
  if (is_one_of(kNeverFirst, line[at])) return at + 1;
  for (++at; !is_end_of_word(line, at); ++at) {
    if (line[at] == U',' && is_end_of_word(line, at + 1)) break;
  }
  return at;
}

// ^-?[.,]?\d[\d,.-]*\.?$
bool is_number(std::u32string_view text) {
  if (text.starts_with(U'-')) text.remove_prefix(1);
  if (text.starts_with(U'.') || text.starts_with(U',')) text.remove_prefix(1);
  return !text.empty() && jinja::is_decimal(text[0]) &&
         std::all_of(text.begin(), text.end(), [](char32_t c) {
           return jinja::is_decimal(c) || is_one_of(U",.-", c);
         });
}

}  // namespace

bool ends_sentences(char32_t c) { return c == U'.' || c == U'?' || c == U'!'; }
bool is_outside_words(char32_t c) { return is_one_of(kOutsideWords, c); }

Word::Word(std::u32string_view word)
    : text(word), type(is_number(word) ? "##number##" : jinja::lower_case(jinja::to_utf8(word))) {}

bool Word::is_initial() const {
  return text.size() == 2 && text[1] == U'.' && jinja::is_word(text[0]) &&
         !jinja::is_decimal(text[0]);
}

bool Word::starts_upper() const { return jinja::is_upper(text[0]); }
bool Word::starts_lower() const { return jinja::is_lower(text[0]); }

std::string Word::type_without_period() const {
  return type.size() > 1 && type.ends_with('.') ? type.substr(0, type.size() - 1) : type;
}

std::vector<Word> split_words(std::u32string_view text) {
  std::vector<Word> words;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(U'\n', begin), text.size());
    const std::u32string_view line = text.substr(begin, end - begin);
    for (size_t at = 0; at < line.size();) {
      if (jinja::is_space(line[at])) {
        ++at;
        continue;
      }
      const size_t word_end = end_of_token(line, at);
      words.emplace_back(line.substr(at, word_end - at));
      at = word_end;
    }
    begin = end + 1;
  }
  return words;
}

}  // namespace retmask::metrics::punkt
