#pragma once
// Random words, numbers and identifiers of generated tasks.

#include <set>
#include <string>
#include <vector>

#include "retmask/base/random.h"

namespace retmask::eval {

std::string draw_adjective_noun(RandomStream& random);  // "brave-otter"
std::string draw_noun(RandomStream& random);
std::string draw_number(RandomStream& random);                              // of seven digits
std::string draw_uuid(RandomStream& random);                                // version 4
std::string draw_letters(RandomStream& random, int64_t count, char first);  // of 26 from `first` on

// Draws until the result is new, and adds it to `used`.
template <typename Draw>
std::string draw_new(std::set<std::string>& used, const Draw& draw) {
  while (true) {
    std::string drawn = draw();
    if (used.insert(drawn).second) return drawn;
  }
}

// Different words: all words of the list in random order, then compounds of two.
std::vector<std::string> draw_words(RandomStream& random, size_t count);

}  // namespace retmask::eval
