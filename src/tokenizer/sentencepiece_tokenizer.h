#pragma once
// tokenizer.model through the sentencepiece library: Llama-2, Mistral and similar models.

#include <sentencepiece_processor.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "added_tokens.h"
#include "decoder.h"
#include "retmask/tokenizer/tokenizer.h"
#include "tokenizer_config.h"

namespace retmask::text {

class SentencePieceTokenizer : public Tokenizer {
 public:
  // Throws UserError when the model does not load or does not have a token that it should add.
  SentencePieceTokenizer(const std::filesystem::path& model, const TokenizerConfig& config);

  std::vector<int64_t> encode(std::string_view text, bool add_special_tokens) const override;
  std::string decode(std::span<const int64_t> ids, bool skip_special_tokens) const override;
  int64_t vocab_size() const override;
  std::optional<int64_t> token_id(std::string_view token) const override;
  bool is_special(int64_t id) const override;
  std::string token_text(int64_t id) const override;

 private:
  void add_tokens(const TokenizerConfig& config);
  int64_t require_special_token(const TokenizerConfig& config,
                                const char* name,
                                int model_id) const;
  std::vector<int> encode_piece(std::string_view text) const;
  // Without the space that sentencepiece prepends to a text.
  std::vector<int> encode_continuation(std::string_view text) const;

  sentencepiece::SentencePieceProcessor processor_;
  std::unique_ptr<const TokenDecoder> decoder_;
  std::map<int64_t, AddedToken> added_tokens_;
  AddedTokenFinder finder_;
  std::vector<int64_t> before_;
  std::vector<int64_t> after_;
  // Whether text after an added token gets a leading space, like the start of the text ("legacy").
  bool space_after_added_tokens_;
};

}  // namespace retmask::text
