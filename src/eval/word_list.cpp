#include "word_list.h"

#include "builtin_data.h"
#include "retmask/base/format_text.h"

namespace retmask::eval {
namespace {

const std::vector<std::string>& words_of(const char* kind) {
  static const auto read = [](const char* name) {
    return builtin_data("words").at(name).get<std::vector<std::string>>();
  };
  static const std::vector<std::string> adjectives = read("adjectives");
  static const std::vector<std::string> nouns = read("nouns");
  static const std::vector<std::string> verbs = read("verbs");
  return kind[0] == 'a' ? adjectives : kind[0] == 'n' ? nouns : verbs;
}

const std::string& one_of(const std::vector<std::string>& words, RandomStream& random) {
  return words[random.below(words.size())];
}

}  // namespace

std::string draw_adjective_noun(RandomStream& random) {
  const std::string& adjective = one_of(words_of("adjectives"), random);
  return adjective + "-" + one_of(words_of("nouns"), random);
}

std::string draw_noun(RandomStream& random) { return one_of(words_of("nouns"), random); }

std::string draw_number(RandomStream& random) {
  return std::to_string(1'000'000 + random.below(9'000'000));
}

std::string draw_uuid(RandomStream& random) {
  const uint64_t high = (random.next() & ~0xF000ULL) | 0x4000ULL;       // version 4
  const uint64_t low = (random.next() & ~(3ULL << 62)) | (1ULL << 63);  // variant of RFC 4122
  return format_text("%08x-%04x-%04x-%04x-%012llx",
                     static_cast<unsigned>(high >> 32),
                     static_cast<unsigned>(high >> 16 & 0xFFFF),
                     static_cast<unsigned>(high & 0xFFFF),
                     static_cast<unsigned>(low >> 48),
                     static_cast<unsigned long long>(low & 0xFFFFFFFFFFFFULL));
}

std::string draw_letters(RandomStream& random, int64_t count, char first) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) {
    text += static_cast<char>(first + static_cast<char>(random.below(26)));
  }
  return text;
}

std::vector<std::string> draw_words(RandomStream& random, size_t count) {
  std::vector<std::string> words;
  for (const char* kind : {"adjectives", "nouns", "verbs"}) {
    words.insert(words.end(), words_of(kind).begin(), words_of(kind).end());
  }
  shuffle(words, random);
  std::set<std::string> used;
  while (words.size() < count) {
    words.push_back(draw_new(used, [&] { return draw_adjective_noun(random); }));
  }
  words.resize(count);
  return words;
}

}  // namespace retmask::eval
