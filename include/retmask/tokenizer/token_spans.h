#pragma once
// Where the tokens of a text lie in it: the offsets of Hugging Face's fast tokenizers, in bytes.

#include <cstddef>
#include <string_view>
#include <vector>

#include "retmask/tokenizer/tokenizer.h"

namespace retmask {

// [begin, end) of whole characters: a token of a part of a character has all of it. Tokens that the
// post-processor adds are empty, at 0.
struct TokenSpan {
  size_t begin = 0;
  size_t end = 0;

  bool operator==(const TokenSpan&) const = default;
};

// One span for each token of encode(text, /*add_special_tokens=*/true). What a normalizer composes
// (NFC) has the span of all its characters. Throws UserError if tokens and text do not match.
std::vector<TokenSpan> token_spans(const Tokenizer& tokenizer, std::string_view text);

}  // namespace retmask
