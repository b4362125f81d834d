#pragma once
// Texts at which an answer ends, as OpenAI's and vLLM's "stop": the answer's text is what stands
// before the first of them.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "retmask/tokenizer/tokenizer.h"

namespace retmask {

class StopStrings {
 public:
  // None of `texts` is empty and all are valid UTF-8 (check_stop_strings). The tokenizer outlives
  // this object.
  StopStrings(const Tokenizer& tokenizer, std::vector<std::string> texts);

  // Whether the text of `tokens` holds a stop string, and the text of all but the last of them does
  // not. A stop string may begin and end within tokens and characters of several tokens. The text
  // is that without special tokens, but for a stop string that names one ("<|im_end|>"). Decodes
  // only as many of the last tokens as that takes.
  bool end_with(std::span<const int64_t> tokens) const;

  // The text of `tokens`, without special tokens, before the first stop string; all of it when
  // there is none.
  std::string text_before(std::span<const int64_t> tokens) const;

 private:
  // Stop strings that are looked for in one kind of text.
  struct Group {
    std::vector<std::string> texts = {};
    size_t longest = 0;  // bytes
    bool skips_special_tokens = true;

    void add(std::string text);
    // Where the first of them begins; npos when there is none.
    size_t find_in(const std::string& text) const;
    bool contained_in(const std::string& text) const;
  };

  bool end_with(const Group& group, std::span<const int64_t> tokens) const;

  const Tokenizer& tokenizer_;
  Group plain_;
  Group with_special_tokens_;
};

// Throws UserError, naming `flag`, for an empty text and one that is no valid UTF-8.
void check_stop_strings(const std::vector<std::string>& texts, const std::string& flag);

}  // namespace retmask
