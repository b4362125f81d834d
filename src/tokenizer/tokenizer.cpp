#include "retmask/tokenizer/tokenizer.h"

#include <algorithm>

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
    return std::make_unique<text::BpeTokenizer>(
        text::read_tokenizer_json(json), json.string(), text::TokenizerConfig::load(dir));
  }
  const fs::path model = dir / "tokenizer.model";
  if (fs::exists(model)) {
    return std::make_unique<text::SentencePieceTokenizer>(model, text::TokenizerConfig::load(dir));
  }
  user_error("the folder ",
             dir,
             " has no tokenizer: neither tokenizer.json nor tokenizer.model was found");
}

std::optional<std::string> read_eos_token(const fs::path& dir) {
  return text::TokenizerConfig::load(dir).special_token("eos_token");
}

std::optional<int64_t> prefix_token(const Tokenizer& tokenizer, const fs::path& dir) {
  const text::TokenizerConfig config = text::TokenizerConfig::load(dir);
  for (const char* name : {"bos_token", "eos_token"}) {
    const std::optional<std::string> token = config.special_token(name);
    if (token && tokenizer.token_id(*token)) return tokenizer.token_id(*token);
  }
  return std::nullopt;
}

std::vector<int64_t> with_eos_token(std::vector<int64_t> ids,
                                    const Tokenizer& tokenizer,
                                    const fs::path& dir) {
  const std::optional<std::string> token = read_eos_token(dir);
  const std::optional<int64_t> id = token ? tokenizer.token_id(*token) : std::nullopt;
  if (id && std::ranges::find(ids, *id) == ids.end()) ids.push_back(*id);
  return ids;
}

}  // namespace retmask
