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

  // Whether the text of `tokens`, without special tokens, holds a stop string, and the text of all
  // but the last of them does not. A stop string may begin and end within tokens and characters of
  // several tokens. Decodes only as many of the last tokens as that takes.
  bool end_with(std::span<const int64_t> tokens) const;

  // The text before the first stop string in it; all of it when there is none.
  std::string cut(std::string text) const;

 private:
  std::string decode(std::span<const int64_t> tokens) const;
  bool contained_in(const std::string& text) const;

  const Tokenizer& tokenizer_;
  std::vector<std::string> texts_;
  size_t longest_ = 0;  // bytes
};

// Throws UserError, naming `flag`, for an empty text and one that is no valid UTF-8.
void check_stop_strings(const std::vector<std::string>& texts, const std::string& flag);

}  // namespace retmask
