#pragma once
// Sentences of English text, split as by NLTK's Punkt (nltk.sent_tokenize of NLTK 3.9.1).
// Source: T. Kiss & J. Strunk, "Unsupervised Multilingual Sentence Boundary Detection",
// Computational Linguistics 32 (2006).

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "retmask/metrics/punkt_words.h"

namespace retmask::metrics {

class SentenceTokenizer {
 public:
  // `folder`: NLTK's tokenizers/punkt_tab/english with abbrev_types.txt, collocations.tab,
  // sent_starters.txt and ortho_context.tab. Throws UserError if one is missing or malformed.
  static SentenceTokenizer load(const std::filesystem::path& folder);

  std::vector<std::string> split(std::string_view text) const;

 private:
  enum class Answer { yes, no, unknown };

  bool has_break(std::u32string_view context) const;
  void judge_alone(punkt::Word& word) const;
  void judge_before(punkt::Word& word, const punkt::Word& next) const;
  Answer starts_sentence(const punkt::Word& word) const;
  int64_t case_contexts(const std::string& type) const;

  std::unordered_set<std::string> abbreviations_;
  std::unordered_set<std::string> starters_;
  std::set<std::pair<std::string, std::string>> collocations_;
  // Bits of the cases and places in which a type was seen: see sentences.cpp.
  std::unordered_map<std::string, int64_t> case_contexts_;
};

}  // namespace retmask::metrics
