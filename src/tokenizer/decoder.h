#pragma once
// From tokens back to text: the "decoder" of tokenizer.json.

#include <memory>
#include <string>
#include <vector>

#include "retmask/base/json.h"

namespace retmask::text {

class TokenDecoder {
 public:
  virtual ~TokenDecoder() = default;
  // Rewrites the tokens; the text is the last step's tokens joined.
  virtual void apply(std::vector<std::string>& tokens) const = 0;
};

// ByteLevel, ByteFallback, Fuse, Replace, Strip, Metaspace, Sequence. For JSON null, tokens are
// joined by spaces. Throws UserError, which names `where`, for any other type.
std::unique_ptr<const TokenDecoder> make_token_decoder(const Json& json, const std::string& where);

// What Hugging Face gives sentencepiece models: "▁" is a space, "<0xE2>" a byte; `strip_space`
// drops the one at the start.
std::unique_ptr<const TokenDecoder> make_sentencepiece_decoder(bool strip_space);

std::string join(const std::vector<std::string>& tokens);

}  // namespace retmask::text
