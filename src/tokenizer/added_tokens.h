#pragma once
// Tokens that are found in the text before the model sees it: "<|im_start|>" and the like.

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
  bool special = false;      // left out by decode(skip_special_tokens)
  bool normalized = true;    // looked for in the normalized text, else in the raw one
  bool single_word = false;  // only where no letter or digit touches it
  bool lstrip = false;       // takes the white space before it
  bool rstrip = false;       // takes the white space behind it

  bool operator==(const AddedToken&) const = default;
};

// An entry of tokenizer.json's "added_tokens" or of tokenizer_config.json's "added_tokens_decoder"
// (`id` given apart). Throws UserError, which names `where`.
AddedToken read_added_token(const Json& json, int64_t id, const std::string& where);

// Finds tokens in a text: the leftmost, and of those that start there the longest.
class AddedTokenFinder {
 public:
  // A part of a text: an added token, or (null) what lies between.
  struct Part {
    std::string_view text;
    const AddedToken* token;
  };

  // Looks for `pattern`, which differs from the content where that is normalized. `token` must
  // outlive the finder.
  void add(const std::string& pattern, const AddedToken& token);

  // Parts in order; empty ones are left out.
  std::vector<Part> split(std::string_view text) const;

 private:
  struct Node {
    std::vector<std::pair<char, uint32_t>> children;
    const AddedToken* token = nullptr;
  };
  struct Match {
    size_t begin;
    size_t end;
    const AddedToken* token;  // null: nothing was found
  };

  Match find(std::string_view text, size_t from) const;

  std::vector<Node> trie_{1};
  std::bitset<256> first_bytes_;
};

}  // namespace retmask::text
