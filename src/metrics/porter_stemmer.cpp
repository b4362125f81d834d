#include "porter_stemmer.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

namespace retmask {
namespace {

// Irregular forms of NLTK_EXTENSIONS.
constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kIrregular = {{
    {"sky", "sky"},
    {"skies", "sky"},
    {"dying", "die"},
    {"lying", "lie"},
    {"tying", "tie"},
    {"news", "news"},
    {"innings", "inning"},
    {"inning", "inning"},
    {"outings", "outing"},
    {"outing", "outing"},
    {"cannings", "canning"},
    {"canning", "canning"},
    {"howe", "howe"},
    {"proceed", "proceed"},
    {"exceed", "exceed"},
    {"succeed", "succeed"},
}};

// Per character: whether it is a consonant. 'y' is one at the start and after a vowel.
std::vector<bool> consonants(std::string_view word) {
  std::vector<bool> flags(word.size());
  for (size_t i = 0; i < word.size(); ++i) {
    const char c = word[i];
    const bool vowel = c == 'a' || c == 'e' || c == 'i' || c == 'o' || c == 'u';
    flags[i] = c == 'y' ? i == 0 || !flags[i - 1] : !vowel;
  }
  return flags;
}

// The measure m of the paper: the word is [C](VC){m}[V].
int measure(std::string_view stem) {
  const std::vector<bool> flags = consonants(stem);
  int count = 0;
  for (size_t i = 1; i < flags.size(); ++i) count += !flags[i - 1] && flags[i];
  return count;
}

bool contains_vowel(std::string_view stem) {
  const std::vector<bool> flags = consonants(stem);
  return std::find(flags.begin(), flags.end(), false) != flags.end();
}

// *d
bool ends_double_consonant(std::string_view word) {
  const size_t n = word.size();
  return n >= 2 && word[n - 1] == word[n - 2] && consonants(word)[n - 1];
}

// *o: consonant, vowel, consonant other than w, x, y. NLTK adds two-letter stems (vowel,
// consonant).
bool ends_cvc(std::string_view word) {
  const std::vector<bool> flags = consonants(word);
  const size_t n = word.size();
  if (n == 2) return !flags[0] && flags[1];
  return n >= 3 && flags[n - 3] && !flags[n - 2] && flags[n - 1] &&
         std::string_view("wxy").find(word[n - 1]) == std::string_view::npos;
}

struct Rule {
  std::string_view suffix;
  std::string_view replacement;
  bool (*applies)(std::string_view stem);  // stem: the word without the suffix
};

bool always(std::string_view) { return true; }
bool measure_over_0(std::string_view stem) { return measure(stem) > 0; }
bool measure_over_1(std::string_view stem) { return measure(stem) > 1; }

std::string_view without(std::string_view word, std::string_view suffix) {
  return word.substr(0, word.size() - suffix.size());
}

// The first rule whose suffix matches decides: if its condition fails, the word is unchanged.
std::string apply_first(std::string_view word, std::span<const Rule> rules) {
  for (const Rule& rule : rules) {
    if (!word.ends_with(rule.suffix)) continue;
    const std::string_view stem = without(word, rule.suffix);
    if (!rule.applies(stem)) break;
    return std::string(stem).append(rule.replacement);
  }
  return std::string(word);
}

std::string step_1a(std::string_view word) {
  if (word.size() == 4 && word.ends_with("ies")) return std::string(without(word, "s"));
  static constexpr Rule kRules[] = {
      {"sses", "ss", always}, {"ies", "i", always}, {"ss", "ss", always}, {"s", "", always}};
  return apply_first(word, kRules);
}

// After removing "ed" or "ing".
std::string repair_1b(std::string_view stem) {
  for (const std::string_view ending : {"at", "bl", "iz"}) {
    if (stem.ends_with(ending)) return std::string(stem) + "e";
  }
  if (ends_double_consonant(stem)) {
    const bool keeps = std::string_view("lsz").find(stem.back()) != std::string_view::npos;
    return std::string(keeps ? stem : stem.substr(0, stem.size() - 1));
  }
  return std::string(stem) + (measure(stem) == 1 && ends_cvc(stem) ? "e" : "");
}

std::string step_1b(std::string_view word) {
  if (word.ends_with("ied")) return std::string(without(word, word.size() == 4 ? "d" : "ed"));
  if (word.ends_with("eed")) {
    return std::string(measure(without(word, "eed")) > 0 ? without(word, "d") : word);
  }
  for (const std::string_view suffix : {"ed", "ing"}) {
    if (!word.ends_with(suffix)) continue;
    const std::string_view stem = without(word, suffix);
    if (contains_vowel(stem)) return repair_1b(stem);
  }
  return std::string(word);
}

// NLTK: "happy" -> "happi" but "enjoy" stays.
std::string step_1c(std::string_view word) {
  static constexpr Rule kRules[] = {
      {"y", "i", [](std::string_view stem) { return stem.size() > 1 && consonants(stem).back(); }}};
  return apply_first(word, kRules);
}

std::string step_2(std::string_view word) {
  if (word.ends_with("alli") && measure(without(word, "alli")) > 0) {
    return step_2(without(word, "li"));
  }
  static constexpr Rule kRules[] = {
      {"ational", "ate", measure_over_0},
      {"tional", "tion", measure_over_0},
      {"enci", "ence", measure_over_0},
      {"anci", "ance", measure_over_0},
      {"izer", "ize", measure_over_0},
      {"bli", "ble", measure_over_0},
      {"alli", "al", measure_over_0},
      {"entli", "ent", measure_over_0},
      {"eli", "e", measure_over_0},
      {"ousli", "ous", measure_over_0},
      {"ization", "ize", measure_over_0},
      {"ation", "ate", measure_over_0},
      {"ator", "ate", measure_over_0},
      {"alism", "al", measure_over_0},
      {"iveness", "ive", measure_over_0},
      {"fulness", "ful", measure_over_0},
      {"ousness", "ous", measure_over_0},
      {"aliti", "al", measure_over_0},
      {"iviti", "ive", measure_over_0},
      {"biliti", "ble", measure_over_0},
      {"fulli", "ful", measure_over_0},
      // NLTK counts the 'l' as part of the stem, so that "geology" is stemmed like "archaeology".
      {"logi", "log", [](std::string_view stem) { return measure(std::string(stem) + "l") > 0; }},
  };
  return apply_first(word, kRules);
}

std::string step_3(std::string_view word) {
  static constexpr Rule kRules[] = {{"icate", "ic", measure_over_0},
                                    {"ative", "", measure_over_0},
                                    {"alize", "al", measure_over_0},
                                    {"iciti", "ic", measure_over_0},
                                    {"ical", "ic", measure_over_0},
                                    {"ful", "", measure_over_0},
                                    {"ness", "", measure_over_0}};
  return apply_first(word, kRules);
}

std::string step_4(std::string_view word) {
  static constexpr Rule kRules[] = {
      {"al", "", measure_over_1},
      {"ance", "", measure_over_1},
      {"ence", "", measure_over_1},
      {"er", "", measure_over_1},
      {"ic", "", measure_over_1},
      {"able", "", measure_over_1},
      {"ible", "", measure_over_1},
      {"ant", "", measure_over_1},
      {"ement", "", measure_over_1},
      {"ment", "", measure_over_1},
      {"ent", "", measure_over_1},
      {"ion",
       "",
       [](std::string_view stem) {
         return measure(stem) > 1 && (stem.back() == 's' || stem.back() == 't');
       }},
      {"ou", "", measure_over_1},
      {"ism", "", measure_over_1},
      {"ate", "", measure_over_1},
      {"iti", "", measure_over_1},
      {"ous", "", measure_over_1},
      {"ive", "", measure_over_1},
      {"ize", "", measure_over_1},
  };
  return apply_first(word, kRules);
}

std::string step_5a(std::string_view word) {
  static constexpr Rule kRules[] = {{"e", "", [](std::string_view stem) {
                                       const int m = measure(stem);
                                       return m > 1 || (m == 1 && !ends_cvc(stem));
                                     }}};
  return apply_first(word, kRules);
}

std::string step_5b(std::string_view word) {
  const bool cut = word.ends_with("ll") && measure(without(word, "l")) > 1;
  return std::string(cut ? without(word, "l") : word);
}

}  // namespace

std::string porter_stem(std::string_view word) {
  for (const auto& [form, stem] : kIrregular) {
    if (word == form) return std::string(stem);
  }
  std::string stem(word);
  if (stem.size() <= 2) return stem;
  for (const auto step : {step_1a, step_1b, step_1c, step_2, step_3, step_4, step_5a, step_5b}) {
    stem = step(stem);
  }
  return stem;
}

}  // namespace retmask
