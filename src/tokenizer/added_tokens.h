#pragma once
// Added tokens such as "<|im_start|>", which are found in the text before the model sees it.

#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::text {

struct AddedToken {
  std::string content;
  int64_t id = 0;
  bool special = false;      // skipped by decode(skip_special_tokens)
  bool normalized = true;    // matched in the normalized text, otherwise in the raw text
  bool single_word = false;  // only if not adjacent to a letter or digit
  bool lstrip = false;       // includes the white space before it
  bool rstrip = false;       // includes the white space after it

  bool operator==(const AddedToken&) const = default;
};

// Reads an entry of tokenizer.json's "added_tokens" or of tokenizer_config.json's
// "added_tokens_decoder" (whose `id` is the key). Throws UserError, which names `where`.
AddedToken read_added_token(const Json& json, int64_t id, const std::string& where);

// Finds tokens in a text: leftmost first, and the longest of those that start at the same place.
class AddedTokenFinder {
 public:
  // A part of a text: an added token, or (null) the text between two.
  struct Part {
    std::string_view text;
    const AddedToken* token;
  };

  // Searches for `pattern`, which differs from the content if that is normalized. `token` must
  // outlive the finder.
  void add(const std::string& pattern, const AddedToken& token);

  // Parts in order; empty ones are omitted.
  std::vector<Part> split(std::string_view text) const;

 private:
  struct Node {
    std::vector<std::pair<char, uint32_t>> children;
    const AddedToken* token = nullptr;
  };
  struct Match {
    size_t begin;
    size_t end;
    const AddedToken* token;  // null: no match
  };

  Match find(std::string_view text, size_t from) const;

  std::vector<Node> trie_{1};
  std::bitset<256> first_bytes_;
};

}  // namespace retmask::text
