#pragma once
// Essays as a haystack of any number of words.

#include <cstdint>
#include <string>
#include <vector>

namespace retmask::eval {

class Essay {
 public:
  // Throws UserError for a text without words.
  explicit Essay(const std::string& text);

  // The first `words` words (of the repeated text, if it has fewer) as sentences; the last one may
  // be cut.
  std::vector<std::string> sentences(int64_t words) const;
  int64_t num_words() const { return static_cast<int64_t>(words_.size()); }

 private:
  std::vector<std::string> words_;
  std::vector<bool> ends_sentence_;  // of each word
};

}  // namespace retmask::eval
