#pragma once
// Stop strings, like "stop" of OpenAI and vLLM: the answer is the text before the first of them.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "retmask/tokenizer/tokenizer.h"

namespace retmask {

class StopStrings {
 public:
  // `texts` must be non-empty and valid UTF-8 (see check_stop_strings). The tokenizer must outlive
  // this object.
  StopStrings(const Tokenizer& tokenizer, std::vector<std::string> texts);

  // Whether the text of `tokens` contains a stop string that the text without the last token does
  // not. A stop string may begin and end inside tokens, and inside characters that span several
  // tokens. Special tokens are excluded from the text, except for a stop string that names one
  // ("<|im_end|>"). Decodes only as many trailing tokens as needed.
  bool end_with(std::span<const int64_t> tokens) const;

  // The text of `tokens`, without special tokens, before the first stop string; all of it if there
  // is none.
  std::string text_before(std::span<const int64_t> tokens) const;

 private:
  // Stop strings searched in one kind of text.
  struct Group {
    std::vector<std::string> texts = {};
    size_t longest = 0;  // bytes
    bool skips_special_tokens = true;

    void add(std::string text);
    // Offset of the first match; npos if there is none.
    size_t find_in(const std::string& text) const;
    bool contained_in(const std::string& text) const;
  };

  bool end_with(const Group& group, std::span<const int64_t> tokens) const;

  const Tokenizer& tokenizer_;
  Group plain_;
  Group with_special_tokens_;
};

// Throws UserError, naming `flag`, for an empty text and for invalid UTF-8.
void check_stop_strings(const std::vector<std::string>& texts, const std::string& flag);

}  // namespace retmask
