#include "essay.h"

#include <algorithm>
#include <array>
#include <sstream>

#include "retmask/base/error.h"

namespace retmask::eval {
namespace {

constexpr std::array<std::string_view, 7> kAbbreviations = {
    "Mr.", "Mrs.", "Ms.", "Dr.", "St.", "e.g.", "i.e."};

// Closing marks after the end of a sentence.
void drop_closing_marks(std::string_view& word) {
  constexpr std::array<std::string_view, 6> kMarks = {"\"", "'", ")", "]", "\u201d", "\u2019"};
  for (bool found = true; found;) {
    found = false;
    for (const std::string_view mark : kMarks) {
      if (!word.ends_with(mark)) continue;
      word.remove_suffix(mark.size());
      found = true;
    }
  }
}

bool ends_a_sentence(std::string_view word) {
  drop_closing_marks(word);
  if (word.ends_with('!') || word.ends_with('?')) return true;
  const bool is_initial = word.size() == 2 && word[0] >= 'A' && word[0] <= 'Z';
  return word.ends_with('.') && !is_initial &&
         std::find(kAbbreviations.begin(), kAbbreviations.end(), word) == kAbbreviations.end();
}

}  // namespace

Essay::Essay(const std::string& text) {
  std::istringstream stream(text);
  for (std::string word; stream >> word;) {
    ends_sentence_.push_back(ends_a_sentence(word));
    words_.push_back(std::move(word));
  }
  if (words_.empty()) user_error("the haystack holds no words");
}

std::vector<std::string> Essay::sentences(int64_t words) const {
  std::vector<std::string> sentences;
  bool starts = true;
  for (int64_t i = 0; i < words; ++i) {
    const size_t at = static_cast<size_t>(i) % words_.size();
    if (starts) sentences.emplace_back();
    sentences.back() += (starts ? "" : " ") + words_[at];
    starts = ends_sentence_[at];
  }
  return sentences;
}

}  // namespace retmask::eval
