#include "retmask/tokenizer/tokenizer.h"

#include "bpe_tokenizer.h"
#include "retmask/base/error.h"
#include "sentencepiece_tokenizer.h"
#include "tokenizer_config.h"
#include "tokenizer_json.h"

namespace fs = std::filesystem;

namespace retmask {

std::unique_ptr<const Tokenizer> Tokenizer::load(const fs::path& dir) {
  const fs::path json = dir / "tokenizer.json";
  if (fs::exists(json)) {
    return std::make_unique<text::BpeTokenizer>(text::read_tokenizer_json(json), json.string());
  }
  const fs::path model = dir / "tokenizer.model";
  if (fs::exists(model)) {
    return std::make_unique<text::SentencePieceTokenizer>(model, text::TokenizerConfig::load(dir));
  }
  user_error(
      "the folder ", dir, " has no tokenizer: neither tokenizer.json nor tokenizer.model is there");
}

}  // namespace retmask
