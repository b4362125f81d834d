#pragma once
// The Porter stemmer with NLTK's extensions, as used by google's rouge_score.
// Source: M. Porter, "An algorithm for suffix stripping", Program 14.3 (1980);
// nltk.stem.PorterStemmer (its default mode, NLTK_EXTENSIONS).

#include <string>
#include <string_view>

namespace retmask {

// "relational" -> "relat". `word` must be lower-case ASCII letters and digits; other characters
// count as consonants.
std::string porter_stem(std::string_view word);

}  // namespace retmask
