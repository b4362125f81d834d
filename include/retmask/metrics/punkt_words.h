#pragma once
// The words of a text for Punkt, and what it knows about each by its form alone.

#include <string>
#include <string_view>
#include <vector>

namespace retmask::metrics::punkt {

// . ? !
bool ends_sentences(char32_t c);
// Characters that are never part of a word.
bool is_outside_words(char32_t c);

struct Word {
  std::u32string text;
  std::string type;  // UTF-8, in lower case; "##number##" for a number
  bool is_break = false;
  bool is_abbreviation = false;
  bool is_ellipsis = false;

  explicit Word(std::u32string_view word);

  bool ends_in_period() const { return text.back() == U'.'; }
  bool is_initial() const;  // one letter and a period
  bool starts_upper() const;
  bool starts_lower() const;
  std::string type_without_period() const;
  // The final period of a word that ends a sentence is not its own.
  std::string type_without_break() const { return is_break ? type_without_period() : type; }
};

std::vector<Word> split_words(std::u32string_view text);

}  // namespace retmask::metrics::punkt
