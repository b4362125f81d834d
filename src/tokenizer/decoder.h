#pragma once
// The "decoder" of tokenizer.json: tokens to text.

#include <memory>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::text {

class TokenDecoder {
 public:
  virtual ~TokenDecoder() = default;
  // Rewrites the tokens; the text is the concatenation of the last step's tokens.
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};

// ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, Sequence. For JSON null, tokens are
// joined with spaces. Throws UserError, which names `where`, for any other type.
std::unique_ptr<const TokenDecoder> make_token_decoder(const Json& json, const std::string& where);

// The decoder Hugging Face uses for sentencepiece models: "▁" is a space, "<0xE2>" a byte;
// `strip_space` removes the leading space.
std::unique_ptr<const TokenDecoder> make_sentencepiece_decoder(bool strip_space);

// A sentencepiece token as bytes of a text: "▁the" is " the", and "<0xE2>" one byte.
std::string sentencepiece_text(const std::string& token);

std::string join(const std::vector<std::string>& tokens);

}  // namespace retmask::text
